/**
 * The revocation lists in force: those that stand in the document, and those that are fetched from where it says and looked for
 * again before they end. What a list says of a certificate is pki/revocation.ts; here it is only kept at hand.
 *
 * Distribution points that certificates name are not fetched: whoever makes a partner's certificate would choose what this
 * gateway connects to.
 */
import { fileURLToPath } from "node:url";
import { type EdgeDocument, isCrlPem, type RevocationMode } from "../config/schema.ts";
import type { RevocationPolicy } from "../negotiation/certificate.ts";
import { type Crl, CrlFormatError, readCrl } from "../pki/crl.ts";
import { LIMITS } from "../pki/limits.ts";
import type { Unchecked } from "../pki/revocation.ts";
import type { Clock, Fetch, Log, Timer } from "./ports.ts";
import { boundedBody, readBoundedFile, SourceError } from "./sources.ts";

export const REVOCATION_LIMITS = {
  /** Milliseconds for one list, its last byte included. */
  timeout: 10_000,
  /** Lists fetched at the same time. */
  atOnce: 4,
  /** Bytes of all fetched lists together. */
  totalBytes: 33_554_432,
  /** Milliseconds that the start, or new settings, wait for lists that were never read. */
  firstReading: 15_000,
  /** Milliseconds between two looks at one list: at least, at most, and after a failure. Files are looked at every `shortest`. */
  shortest: 60_000,
  longest: 3_600_000,
  retry: 300_000,
  /** Different reports of a missing list that are remembered, so that each is logged once. */
  reports: 1000,
} as const;

/** What the lists need of their surroundings. `fetch` is absent where nothing may be fetched. */
export interface RevocationSurroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly fetch?: Fetch | undefined;
}

type Settings = Pick<EdgeDocument["xmpp"], "revocation" | "crls">;

/** One list that is fetched, and what came of it. */
interface Place {
  readonly location: string;
  crl: Crl | null;
  bytes: number;
  problem: string;
  timer: Timer | null;
  gone: boolean;
}

export class RevocationLists {
  readonly #surroundings: RevocationSurroundings;
  readonly #changed: () => void;
  readonly #places = new Map<string, Place>();
  readonly #reports = new Set<string>();
  readonly #lanes: Promise<void>[] = Array.from({ length: REVOCATION_LIMITS.atOnce }, () => Promise.resolve());
  #turn = 0;
  #newest = 0;
  #mode: RevocationMode;
  #inDocument: readonly Crl[];
  #policy: RevocationPolicy;

  /** @param changed called when lists were looked at, outside of the constructor and of `use` where that takes effect at once */
  constructor(settings: Settings, surroundings: RevocationSurroundings, changed: () => void) {
    this.#surroundings = surroundings;
    this.#changed = changed;
    this.#mode = settings.revocation;
    this.#inDocument = listsIn(settings);
    this.#policy = { mode: settings.revocation, crls: this.#inDocument };
  }

  /** What counts now. */
  get policy(): RevocationPolicy {
    return this.#policy;
  }

  /**
   * Takes new settings. They count at once where they name no list that was never read, else as soon as those were tried, at
   * the latest after REVOCATION_LIMITS.firstReading: no stream ends because a list is still on its way. Resolves then.
   * @throws CrlFormatError for a list in the document
   */
  use(settings: Settings): Promise<void> {
    const inDocument = listsIn(settings);
    const turn = ++this.#newest;
    const fresh = this.#rearrange(settings);
    const take = (): void => {
      this.#mode = settings.revocation;
      this.#inDocument = inDocument;
      this.#apply();
    };
    if (fresh.length === 0) {
      take();
      return Promise.resolve();
    }
    return this.#atMost(REVOCATION_LIMITS.firstReading, Promise.all(fresh.map((place) => this.#look(place)))).then(() => {
      if (turn !== this.#newest) return;
      take();
      this.#changed();
    });
  }

  /** Authorities without a usable list, where that is no reason to refuse: each is logged once. */
  report(unchecked: readonly Unchecked[]): void {
    for (const { issuer, why } of unchecked) {
      const key = `${issuer} ${why}`;
      if (this.#reports.has(key) || this.#reports.size >= REVOCATION_LIMITS.reports) continue;
      this.#reports.add(key);
      this.#surroundings.log("revocation-unchecked", { issuer, why });
    }
  }

  stop(): void {
    this.#newest++;
    for (const place of this.#places.values()) this.#leave(place);
    this.#places.clear();
  }

  // ---- places ------------------------------------------------------------------------------------------------------

  /** Leaves the places that are no longer named. @returns those that are new */
  #rearrange({ revocation, crls }: Settings): Place[] {
    const wanted = new Set(revocation === "off" ? [] : crls.filter((entry) => !isCrlPem(entry)));
    for (const [location, place] of this.#places) {
      if (wanted.has(location)) continue;
      this.#leave(place);
      this.#places.delete(location);
    }
    const fresh = [...wanted].filter((location) => !this.#places.has(location)).map(placeAt);
    for (const place of fresh) this.#places.set(place.location, place);
    return fresh;
  }

  #leave(place: Place): void {
    place.gone = true;
    place.timer?.cancel();
  }

  #apply(): void {
    const fetched = [...this.#places.values()].flatMap(({ crl }) => crl ?? []);
    this.#policy = { mode: this.#mode, crls: [...this.#inDocument, ...fetched] };
  }

  /** Reads a list when its lane is free, and sets the time of the next look. Never rejects. */
  #look(place: Place): Promise<void> {
    const lane = this.#turn++ % this.#lanes.length;
    const done = (this.#lanes[lane] ?? Promise.resolve()).then(() => this.#read(place));
    this.#lanes[lane] = done;
    return done;
  }

  async #lookAgain(place: Place): Promise<void> {
    await this.#look(place);
    if (place.gone) return;
    this.#apply();
    this.#changed();
  }

  async #read(place: Place): Promise<void> {
    if (place.gone) return;
    try {
      const bytes = await this.#bytesAt(place.location);
      if (!place.gone) this.#take(place, bytes);
      place.problem = "";
    } catch (error) {
      if (!place.gone) this.#failed(place, whyText(error));
    }
    if (place.gone) return;
    place.timer = this.#surroundings.clock.after(this.#waitFor(place), () => void this.#lookAgain(place));
  }

  /** @throws CrlFormatError, SourceError where the list may not take the place of the one before */
  #take(place: Place, bytes: Buffer): void {
    const { location, crl: before } = place;
    const others = [...this.#places.values()].reduce((sum, other) => sum + (other === place ? 0 : other.bytes), 0);
    if (others + bytes.length > REVOCATION_LIMITS.totalBytes) {
      throw new SourceError(location, `with it all lists together have more than ${REVOCATION_LIMITS.totalBytes} bytes`, false);
    }
    const crl = readCrl(bytes);
    // Over plain HTTP anybody on the way could serve the list of yesterday again.
    if (before && before.issuer === crl.issuer && crl.thisUpdate < before.thisUpdate) {
      throw new SourceError(location, `it is of ${crl.thisUpdate.toISOString()}, older than the one before`, false);
    }
    const same = before?.issuer === crl.issuer && before.thisUpdate.getTime() === crl.thisUpdate.getTime();
    place.crl = crl;
    place.bytes = bytes.length;
    if (same) return;
    const [thisUpdate, nextUpdate] = [crl.thisUpdate.toISOString(), crl.nextUpdate.toISOString()];
    this.#surroundings.log("revocation-list-read", { location, issuer: crl.issuerText, thisUpdate, nextUpdate, revoked: crl.revoked.size });
  }

  #failed(place: Place, why: string): void {
    if (place.problem === why) return;
    place.problem = why;
    this.#surroundings.log("revocation-list-unusable", { location: place.location, why });
  }

  #waitFor({ location, crl, problem }: Place): number {
    const { shortest, longest, retry } = REVOCATION_LIMITS;
    if (location.startsWith("file:")) return shortest;
    if (crl === null || problem !== "") return retry;
    return Math.min(longest, Math.max(shortest, (crl.nextUpdate.getTime() - this.#surroundings.clock.now()) / 2));
  }

  async #bytesAt(location: string): Promise<Buffer> {
    if (location.startsWith("file:")) return readBoundedFile(fileURLToPath(location), PEM_BYTES);
    const { fetch } = this.#surroundings;
    if (fetch === undefined) throw new SourceError(location, "nothing is fetched here", false);
    const signal = AbortSignal.timeout(REVOCATION_LIMITS.timeout);
    // No redirect: the list is where the document says, or not at all.
    const response = await fetch(location, { redirect: "error", signal });
    if (response.status === 200) return boundedBody(location, response, PEM_BYTES);
    await response.body?.cancel();
    throw new SourceError(location, `answered ${response.status}`, true);
  }

  /** Resolves with the work, or when the time is over. */
  #atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#surroundings.clock.after(milliseconds, resolve);
      void work.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

/** Bytes of a list as PEM, which is a third longer than DER, and its line ends. */
const PEM_BYTES = Math.ceil(LIMITS.crlBytes * 1.4);

const placeAt = (location: string): Place => ({ location, crl: null, bytes: 0, problem: "", timer: null, gone: false });

/** The lists that stand in the document itself. @throws CrlFormatError */
const listsIn = ({ revocation, crls }: Settings): readonly Crl[] =>
  revocation === "off" ? [] : crls.filter(isCrlPem).map((pem) => readCrl(Buffer.from(pem)));

function whyText(error: unknown): string {
  if (error instanceof CrlFormatError) return `it ${error.message}`;
  if (error instanceof SourceError) return error.message;
  const { cause, name } = error as { readonly cause?: { readonly code?: string }; readonly name?: string };
  return `could not be reached (${cause?.code ?? name ?? "unknown"})`;
}
