/** From a pair to a stream: find the servers, connect to one after the other, negotiate, try once more without EXTERNAL. */
import type { Pair } from "../negotiation/dialback.ts";
import { type FailureCode, failure, type NegotiationFailure } from "../negotiation/failures.ts";
import { limitOf, type XmppContext } from "./xmpp-context.ts";
import { byTurns, Dial, type Dialled } from "./xmpp-dial.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import { OutboundStream } from "./xmpp-outbound.ts";
import type { Lessons, Outcome, Purpose } from "./xmpp-outcome.ts";
import { findTargets, type Target } from "./xmpp-targets.ts";

/** What was in the way of each server that was tried. */
interface Problems {
  readonly texts: string[];
  /** Where a server was reached and the connection came to nothing: why. */
  last: NegotiationFailure | null;
}

/** One attempt at a stream for a pair; `settled` within streamEstablishmentTimeout, whatever happens. */
export class Attempt {
  readonly settled: Promise<Outcome>;
  readonly #context: XmppContext;
  readonly #pair: Pair;
  readonly #purpose: Purpose;
  #lessons: Lessons = { externalSkipped: false, plainForbidden: false };
  #step = "resolve";
  #address = "";
  #stopped: NegotiationFailure | null = null;
  /** Ends what is under way just now. */
  #abort: (why: string) => void = () => {};

  constructor(context: XmppContext, pair: Pair, purpose: Purpose) {
    this.#context = context;
    this.#pair = pair;
    this.#purpose = purpose;
    const seconds = context.current().state.document.gateway.streamEstablishmentTimeout;
    const timer = context.surroundings.clock.after(seconds * 1000, () =>
      this.stop(this.#record("establishment-timeout", `${seconds} seconds, last step ${this.#step}`)),
    );
    this.settled = this.#run().finally(() => timer.cancel());
  }

  /** What the attempt is doing, for those who give up waiting. */
  get step(): string {
    return this.#step;
  }

  /** Gives up; `settled` then says why. */
  stop(because: NegotiationFailure): void {
    if (this.#stopped) return;
    this.#stopped = because;
    this.#abort(because.text);
  }

  async #run(): Promise<Outcome> {
    const refused = this.#refusal();
    if (refused) return failed(refused);
    const outcome = await this.#tryTargets();
    if (this.#stopped && outcome.kind !== "ready" && outcome.kind !== "verified") return failed(this.#stopped);
    if (outcome.kind !== "retryWithoutExternal") return outcome;
    // At most once: EXTERNAL is not used on the second connection, and TLS was up on the first (rule: never in clear after TLS).
    this.#lessons = { externalSkipped: true, plainForbidden: true };
    return this.#run();
  }

  /** What forbids to connect at all: who the partner is, what its settings leave, how many streams there are. */
  #refusal(): NegotiationFailure | null {
    const current = this.#context.current();
    const { local, partner: domain } = this.#pair;
    const partner = current.directory.partner(domain);
    if (!current.directory.serves(local)) return this.#record("host-not-served");
    if (partner === null) return this.#record("partner-not-listed");
    if (current.directory.methods(domain).size === 0) return this.#record("no-method");
    const { connectionLimit } = current.state.document.gateway;
    if (this.#context.streams.size >= connectionLimit) return this.#record("edge-full", `${connectionLimit} streams`);
    const limit = limitOf(current, partner);
    // A verification serves a stream that counts already.
    const counted = this.#purpose.kind === "stanzas" && this.#context.streams.ofPartner(partner) >= limit;
    return counted ? this.#record("partner-limit", `${limit} streams`) : null;
  }

  async #tryTargets(): Promise<Outcome> {
    const { surroundings, current } = this.#context;
    const { directory } = current();
    const domain = this.#pair.partner;
    const partner = directory.partner(domain);
    if (partner === null) return failed(this.#record("partner-not-listed"));
    this.#step = "resolve";
    const sought = { partner, methods: directory.methods(domain) };
    const random = (): number => surroundings.random(4).readUInt32BE() / 2 ** 32;
    const found = await this.#unlessStopped(findTargets(surroundings.resolver, domain, sought, random));
    if (found === null) return failed(this.#why());
    return found.found ? this.#tryEach(found.targets) : failed(this.#record(found.code, found.detail));
  }

  async #tryEach(targets: readonly Target[]): Promise<Outcome> {
    const problems: Problems = { texts: [], last: null };
    let tried = 0;
    for (const target of targets) {
      if (this.#stopped || tried >= XMPP_LIMITS.addresses) break;
      const left = new Set(byTurns(await this.#addresses(target, problems)).slice(0, XMPP_LIMITS.addresses - tried));
      tried += left.size;
      while (left.size > 0 && !this.#stopped) {
        const outcome = await this.#tryAddresses(left, target, problems);
        if (outcome !== null) return outcome;
      }
    }
    if (this.#stopped) return failed(this.#stopped);
    const { texts, last } = problems;
    // Where one server is all there is, its own reason says more, and is recorded already.
    if (last !== null && texts.length === 1) return failed(last);
    return failed(this.#record(tried === 0 ? "no-address" : "connect-failed", texts.join("; ") || undefined));
  }

  async #addresses(target: Target, { texts }: Problems): Promise<readonly string[]> {
    this.#step = "resolve";
    try {
      const addresses = (await this.#unlessStopped(this.#context.surroundings.resolver.addresses(target.name))) ?? [];
      if (addresses.length === 0) texts.push(`${target.name} has no address`);
      return addresses;
    } catch (error) {
      texts.push(`${target.name}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
      return [];
    }
  }

  /** Uses up at least one of the addresses. Null where another address may do better. */
  async #tryAddresses(left: Set<string>, target: Target, problems: Problems): Promise<Outcome | null> {
    const dialled = await this.#dial(left, target, problems);
    if (dialled === null) return null;
    const { socket, address } = dialled;
    this.#address = `${address}:${target.port}`;
    if (this.#stopped) {
      socket.destroy();
      return failed(this.#stopped);
    }
    const outcome = await this.#negotiate(socket, target.directTls);
    if (outcome.kind !== "failed" || !outcome.silent) return outcome;
    // TLS was tried: from here on nothing goes in clear, whatever the next server offers.
    if (target.directTls) this.#lessons = { ...this.#lessons, plainForbidden: true };
    problems.last = outcome.because;
    problems.texts.push(`${target.name} (${this.#address}): ${outcome.because.text}`);
    return null;
  }

  #dial(left: Set<string>, { name, port }: Target, { texts }: Problems): Promise<Dialled | null> {
    this.#step = "connect";
    const problem = (address: string, why: string): void => {
      this.#address = `${address}:${port}`;
      texts.push(`${name} (${this.#address}): ${why}`);
    };
    const dial = new Dial(left, { port, clock: this.#context.surroundings.clock, problem });
    this.#abort = () => dial.abort();
    return dial.answer;
  }

  #negotiate(socket: Dialled["socket"], directTls: boolean): Promise<Outcome> {
    this.#step = "negotiate";
    return new Promise((settle) => {
      const task = { pair: this.#pair, purpose: this.#purpose, lessons: this.#lessons, directTls, settle };
      const stream = new OutboundStream(this.#context, socket, task);
      this.#abort = (why) => stream.destroy(why);
      stream.start();
    });
  }

  /** Null where the attempt was stopped before the answer came. */
  #unlessStopped<T>(answer: Promise<T>): Promise<T | null> {
    if (this.#stopped) return Promise.resolve(null);
    const stopped = new Promise<null>((resolve) => {
      this.#abort = () => resolve(null);
    });
    return Promise.race([answer, stopped]);
  }

  #why(): NegotiationFailure {
    return this.#stopped ?? failure("stream-closed", { peer: this.#pair.partner });
  }

  #record(code: FailureCode, detail?: string): NegotiationFailure {
    const { local, partner: peer } = this.#pair;
    return this.#context.attempts.add({ direction: "out", address: this.#address, peer, step: this.#step }, code, { peer, local, detail });
  }
}

const failed = (because: NegotiationFailure): Outcome => ({ kind: "failed", because, silent: false });
