/**
 * Document, identities and secret as one state that changes as a whole. What does not fit together is refused, the state
 * before it stays in force, and the refusal is kept where the status shows it.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { documentWarnings, parseDocumentText, type Warning } from "../config/parse.ts";
import type { Clock, EdgeState, Identity, Log, Timer } from "./ports.ts";
import { type Source, SourceError } from "./sources.ts";

/** The parts a state is made of, each from a source of its own. */
export interface EdgeSources {
  readonly document: Source;
  readonly certificate: Source;
  readonly key: Source;
  readonly sipCertificate: Source;
  readonly sipKey: Source;
  readonly dialbackSecret: Source;
}

export const WATCH_LIMITS = {
  /** Milliseconds that the first reading may take: a fresh role assignment needs minutes to be honoured. */
  firstReading: 600_000,
  /** Milliseconds between tries of the first reading. */
  retry: 2000,
} as const;

/** Why the newest state was not taken. */
export interface Refusal {
  readonly at: number;
  readonly source: string;
  readonly why: string;
}

export interface EdgeWatch {
  readonly state: EdgeState;
  readonly documentTag: string;
  readonly appliedAt: number;
  readonly refusal: Refusal | null;
  readonly warnings: readonly Warning[];
  /** Reads once, now. Never rejects. */
  poll(): Promise<void>;
  stop(): void;
}

type Name = keyof EdgeSources;
type Texts = Record<Name, string>;

/** A part that cannot be used; `location` says which. */
class UnusableError extends Error {
  readonly location: string;
  constructor(location: string, why: string) {
    super(why);
    this.location = location;
  }
}

/**
 * Reads the first state, then polls. @throws SourceError, ConfigurationError or Error with the reason when the first state
 * is refused: a gateway does not start on a document that it cannot obey.
 */
export async function watchEdge(
  sources: EdgeSources,
  options: { readonly clock: Clock; readonly log: Log; readonly pollSeconds: number; readonly onState: (state: EdgeState) => void },
): Promise<EdgeWatch> {
  const { clock, log } = options;
  const texts = await firstTexts(sources, clock, log);
  let state = buildState(sources, texts.values);
  let documentTag = texts.tag;
  let appliedAt = clock.now();
  let refusal: Refusal | null = null;
  let timer: Timer | null = null;
  let stopped = false;
  // What was read last, and whether it is in force: a half-changed pair (new key, old certificate) is tried again.
  let current: Texts = texts.values;
  let pendingTag = documentTag;
  let settled = true;

  const refuse = (source: string, why: string): void => {
    const repeated = refusal?.why === why && refusal.source === source;
    refusal = { at: repeated && refusal ? refusal.at : clock.now(), source, why };
    if (!repeated) log("state-refused", { source, why });
  };

  const poll = async (): Promise<void> => {
    try {
      for (const name of Object.keys(sources) as Name[]) {
        const reading = await sources[name].read();
        if (!reading.changed) continue;
        settled = false;
        current = { ...current, [name]: reading.text };
        if (name === "document") pendingTag = reading.tag;
      }
      if (settled) {
        // Nothing new, yet an earlier reading failed: the sources are well again.
        if (refusal?.why.startsWith(UNREADABLE)) refusal = null;
        return;
      }
      const next = buildState(sources, current);
      settled = true;
      state = next;
      documentTag = pendingTag;
      appliedAt = clock.now();
      refusal = null;
      log("state-applied", { documentTag, partners: next.document.partners.length });
      options.onState(next);
    } catch (error) {
      if (error instanceof SourceError) refuse(sources.document.location, `${UNREADABLE}: ${error.message}`);
      else if (error instanceof UnusableError) refuse(error.location, error.message);
      else refuse(sources.document.location, error instanceof Error ? error.message : String(error));
    }
  };

  const again = (): void => {
    if (stopped) return;
    timer = clock.after(options.pollSeconds * 1000, () => void poll().then(again));
  };
  again();

  return {
    get state() {
      return state;
    },
    get documentTag() {
      return documentTag;
    },
    get appliedAt() {
      return appliedAt;
    },
    get refusal() {
      return refusal;
    },
    get warnings() {
      return documentWarnings(state.document);
    },
    poll,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

const UNREADABLE = "cannot be read";

async function firstTexts(sources: EdgeSources, clock: Clock, log: Log): Promise<{ values: Texts; tag: string }> {
  const values: Partial<Texts> = {};
  const until = clock.now() + WATCH_LIMITS.firstReading;
  let tag = "";
  for (const name of Object.keys(sources) as Name[]) {
    for (;;) {
      try {
        const reading = await sources[name].read();
        if (reading.changed) {
          values[name] = reading.text;
          if (name === "document") tag = reading.tag;
        }
        break;
      } catch (error) {
        if (!(error instanceof SourceError) || !error.transient || clock.now() > until) throw error;
        log("source-waiting", { source: sources[name].location, why: error.message });
        await new Promise<void>((resolve) => clock.after(WATCH_LIMITS.retry, resolve));
      }
    }
  }
  return { values: values as Texts, tag };
}

/** @throws ConfigurationError for the document, Error for an identity whose parts do not fit. */
function buildState(sources: EdgeSources, texts: Texts): EdgeState {
  const document = parseDocumentText(texts.document);
  const dialbackSecret = texts.dialbackSecret.trim();
  if (dialbackSecret.length < MINIMUM_SECRET) {
    throw new UnusableError(sources.dialbackSecret.location, `the dialback secret has fewer than ${MINIMUM_SECRET} characters`);
  }
  return {
    document,
    xmppIdentity: identity(sources.certificate.location, texts.certificate, texts.key),
    sipIdentity: identity(sources.sipCertificate.location, texts.sipCertificate, texts.sipKey),
    dialbackSecret,
  };
}

/** Characters of the dialback secret; XEP-0185 section 4 asks for a strong one. */
const MINIMUM_SECRET = 16;

function identity(location: string, certificateChain: string, privateKey: string): Identity {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificateChain);
  } catch {
    throw new UnusableError(location, "is not a certificate in PEM form");
  }
  try {
    if (leaf.checkPrivateKey(createPrivateKey(privateKey))) return { certificateChain, privateKey };
  } catch {
    throw new UnusableError(location, "its private key is not a key in PEM form");
  }
  throw new UnusableError(location, "the certificate does not belong to the private key");
}
