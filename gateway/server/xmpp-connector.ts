/** From a pair to a stream: find the servers, connect to one after the other, negotiate, try once more without EXTERNAL. */
import { connect, type Socket } from "node:net";
import type { Pair } from "../negotiation/dialback.ts";
import { type FailureCode, failure, type NegotiationFailure } from "../negotiation/failures.ts";
import { limitOf, type XmppContext } from "./xmpp-context.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import { OutboundStream } from "./xmpp-outbound.ts";
import type { Lessons, Outcome, Purpose } from "./xmpp-outcome.ts";
import { findTargets, type Target } from "./xmpp-targets.ts";

const NO_LESSONS: Lessons = { externalSkipped: false, plainForbidden: false };

/** One attempt at a stream for a pair; `settled` within streamEstablishmentTimeout, whatever happens. */
export class Attempt {
  readonly settled: Promise<Outcome>;
  readonly #context: XmppContext;
  readonly #pair: Pair;
  readonly #purpose: Purpose;
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
    this.settled = this.#run(NO_LESSONS).finally(() => timer.cancel());
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

  async #run(lessons: Lessons): Promise<Outcome> {
    const refused = this.#refusal();
    if (refused) return failed(refused);
    const outcome = await this.#tryTargets(lessons);
    if (this.#stopped && outcome.kind !== "ready" && outcome.kind !== "verified") return failed(this.#stopped);
    // At most once: EXTERNAL is not used on the second connection, and TLS was up on the first (rule: never in clear after TLS).
    if (outcome.kind === "retryWithoutExternal") return this.#run({ externalSkipped: true, plainForbidden: true });
    return outcome;
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

  async #tryTargets(lessons: Lessons): Promise<Outcome> {
    const { surroundings } = this.#context;
    const partner = this.#context.current().directory.partner(this.#pair.partner);
    if (partner === null) return failed(this.#record("partner-not-listed"));
    this.#step = "resolve";
    const found = await this.#unlessStopped(
      findTargets(surroundings.resolver, this.#pair.partner, partner, () => surroundings.random(4).readUInt32BE() / 2 ** 32),
    );
    if (found === null) return failed(this.#why());
    if (!found.found) return failed(this.#record(found.code, found.detail));
    const problems: string[] = [];
    let tried = 0;
    for (const target of found.targets) {
      for (const address of await this.#addresses(target, problems)) {
        if (this.#stopped || tried++ >= XMPP_LIMITS.addresses) break;
        const outcome = await this.#tryAddress(address, target, lessons, problems);
        if (outcome !== null) return outcome;
      }
    }
    if (this.#stopped) return failed(this.#stopped);
    return failed(this.#record(tried === 0 ? "no-address" : "connect-failed", problems.join("; ") || undefined));
  }

  async #addresses(target: Target, problems: string[]): Promise<readonly string[]> {
    this.#step = "resolve";
    try {
      const addresses = (await this.#unlessStopped(this.#context.surroundings.resolver.addresses(target.name))) ?? [];
      if (addresses.length === 0) problems.push(`${target.name} has no address`);
      return addresses;
    } catch (error) {
      problems.push(`${target.name}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
      return [];
    }
  }

  /** Null where another address may do better. */
  async #tryAddress(address: string, { name, port }: Target, lessons: Lessons, problems: string[]): Promise<Outcome | null> {
    this.#step = "connect";
    this.#address = `${address}:${port}`;
    const socket = await this.#connect(address, port);
    if (typeof socket === "string") {
      problems.push(`${name} (${address}:${port}): ${socket}`);
      return null;
    }
    if (this.#stopped) {
      socket.destroy();
      return failed(this.#stopped);
    }
    this.#step = "negotiate";
    const outcome = await new Promise<Outcome>((settle) => {
      const stream = new OutboundStream(this.#context, socket, { pair: this.#pair, purpose: this.#purpose, lessons, settle });
      this.#abort = (why) => stream.destroy(why);
      stream.start();
    });
    if (outcome.kind !== "failed" || !outcome.silent) return outcome;
    problems.push(`${name} (${address}:${port}): ${outcome.because.text}`);
    return null;
  }

  /** The connected socket, or what went wrong. */
  #connect(host: string, port: number): Promise<Socket | string> {
    if (this.#stopped) return Promise.resolve("stopped");
    return new Promise((resolve) => {
      const socket = connect({ host, port });
      const giveUp = (why: string): void => {
        timer.cancel();
        socket.destroy();
        resolve(why);
      };
      const timer = this.#context.surroundings.clock.after(XMPP_LIMITS.connect, () => giveUp("no answer"));
      this.#abort = giveUp;
      socket.on("error", (error: NodeJS.ErrnoException) => giveUp(error.code ?? error.message));
      socket.once("connect", () => {
        timer.cancel();
        resolve(socket);
      });
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
