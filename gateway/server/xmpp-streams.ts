/** All streams that are not gone, found by partner, by pair and by address without looking at each. */
import type { Partner } from "../config/schema.ts";
import type { Pair } from "../negotiation/dialback.ts";
import type { Carrier, EdgeStream } from "./xmpp-context.ts";

/** Where a stream stands in the lists; what it was when it was put there. */
interface Place {
  readonly domains: readonly string[];
  readonly pairs: readonly string[];
  /** The address that it counts for, while nothing is proven on it. */
  readonly host: string | null;
}

const NOWHERE: Place = { domains: [], pairs: [], host: null };

export class Streams {
  readonly #all = new Map<EdgeStream, Place>();
  readonly #byDomain = new Map<string, Set<EdgeStream>>();
  readonly #byPair = new Map<string, Set<EdgeStream>>();
  readonly #unproven = new Map<string, Set<EdgeStream>>();
  readonly #onEmpty: (() => void)[] = [];

  add(stream: EdgeStream): void {
    this.#all.set(stream, NOWHERE);
    this.changed(stream);
  }

  delete(stream: EdgeStream): void {
    this.#take(stream);
    this.#all.delete(stream);
    if (this.#all.size === 0) for (const act of this.#onEmpty.splice(0)) act();
  }

  /** What is proven on the stream is not what it was. */
  changed(stream: EdgeStream): void {
    if (!this.#all.has(stream)) return;
    this.#take(stream);
    const proven = stream.pairs();
    const place = {
      domains: [...new Set(proven.map(({ partner }) => partner))],
      pairs: proven.map(keyOf),
      host: stream.direction === "in" && proven.length === 0 ? stream.host : null,
    };
    this.#all.set(stream, place);
    for (const domain of place.domains) put(this.#byDomain, domain, stream);
    for (const pair of place.pairs) put(this.#byPair, pair, stream);
    if (place.host !== null) put(this.#unproven, place.host, stream);
  }

  #take(stream: EdgeStream): void {
    const { domains, pairs, host } = this.#all.get(stream) ?? NOWHERE;
    for (const domain of domains) take(this.#byDomain, domain, stream);
    for (const pair of pairs) take(this.#byPair, pair, stream);
    if (host !== null) take(this.#unproven, host, stream);
  }

  /** Calls back once no stream is left; at once where there is none. */
  whenEmpty(act: () => void): void {
    if (this.#all.size === 0) act();
    else this.#onEmpty.push(act);
  }

  get size(): number {
    return this.#all.size;
  }

  list(): EdgeStream[] {
    return [...this.#all.keys()];
  }

  /** Streams that count for a partner, whichever of its domains they prove, one of them left out. */
  ofPartner({ domain, additionalDomains }: Partner, except?: EdgeStream): number {
    const found = new Set<EdgeStream>();
    for (const one of [domain, ...additionalDomains]) for (const stream of this.#byDomain.get(one) ?? []) found.add(stream);
    return found.size - (except !== undefined && found.has(except) ? 1 : 0);
  }

  /** Inbound streams from an address on which nothing is proven yet. */
  unproven(host: string, except?: EdgeStream): number {
    const found = this.#unproven.get(host);
    return (found?.size ?? 0) - (except !== undefined && found?.has(except) ? 1 : 0);
  }

  /** When the pair last showed life, on whichever of its streams. */
  lastHeard(pair: Pair): number {
    let last = 0;
    for (const { lastHeard } of this.#byPair.get(keyOf(pair)) ?? []) last = Math.max(last, lastHeard);
    return last;
  }

  /** A stream that carries our stanzas of the pair. */
  carrier(pair: Pair): Carrier | null {
    for (const stream of this.#byPair.get(keyOf(pair)) ?? []) {
      const carrier = stream.carrierFor(pair);
      if (carrier?.usable) return carrier;
    }
    return null;
  }
}

const keyOf = ({ local, partner }: Pair): string => `${local} ${partner}`;

function put<Key>(lists: Map<Key, Set<EdgeStream>>, key: Key, stream: EdgeStream): void {
  const list = lists.get(key);
  if (list) list.add(stream);
  else lists.set(key, new Set([stream]));
}

/** A list that is empty goes too: names and addresses come and go without end. */
function take<Key>(lists: Map<Key, Set<EdgeStream>>, key: Key, stream: EdgeStream): void {
  const list = lists.get(key);
  list?.delete(stream);
  if (list?.size === 0) lists.delete(key);
}
