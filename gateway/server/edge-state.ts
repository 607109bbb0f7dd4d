/**
 * Document, identities and secret as one state that changes as a whole. What does not fit together is refused, the state
 * before it stays in force, and the refusal is kept where the status shows it.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { documentWarnings, parseDocumentText, type Warning } from "../config/parse.ts";
import { type EdgeDocument, isCrlPem } from "../config/schema.ts";
import { CrlFormatError, readCrl } from "../pki/crl.ts";
import { certificateNames, provableDomains, provesDomain } from "../pki/names.ts";
import { readCertificates } from "../pki/roots.ts";
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
  /** Further certificates towards partners, each with its key. */
  readonly further?: readonly { readonly certificate: Source; readonly key: Source }[];
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

/** Every source by a name of its own; those of further certificates are counted. */
type Texts = ReadonlyMap<string, string>;

function named({ further = [], ...sources }: EdgeSources): ReadonlyMap<string, Source> {
  const pairs = further.flatMap(({ certificate, key }, index) => [
    [`certificate ${index}`, certificate] as const,
    [`key ${index}`, key] as const,
  ]);
  return new Map<string, Source>([...Object.entries(sources), ...pairs]);
}

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
      for (const [name, source] of named(sources)) {
        const reading = await source.read();
        if (!reading.changed) continue;
        settled = false;
        current = new Map([...current, [name, reading.text]]);
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
      return [...documentWarnings(state.document), ...unusedIdentities(state)];
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
  const values = new Map<string, string>();
  const until = clock.now() + WATCH_LIMITS.firstReading;
  let tag = "";
  for (const [name, source] of named(sources)) {
    for (;;) {
      try {
        const reading = await source.read();
        if (reading.changed) {
          values.set(name, reading.text);
          if (name === "document") tag = reading.tag;
        }
        break;
      } catch (error) {
        if (!(error instanceof SourceError) || !error.transient || clock.now() > until) throw error;
        log("source-waiting", { source: source.location, why: error.message });
        await new Promise<void>((resolve) => clock.after(WATCH_LIMITS.retry, resolve));
      }
    }
  }
  return { values, tag };
}

/** @throws ConfigurationError for the document, Error for what it holds or an identity whose parts do not fit. */
function buildState(sources: EdgeSources, texts: Texts): EdgeState {
  const text = (name: string): string => texts.get(name) ?? "";
  const document = parseDocumentText(text("document"));
  checkTrust(sources.document.location, document);
  const dialbackSecret = text("dialbackSecret").trim();
  if (dialbackSecret.length < MINIMUM_SECRET) {
    throw new UnusableError(sources.dialbackSecret.location, `the dialback secret has fewer than ${MINIMUM_SECRET} characters`);
  }
  return {
    document,
    xmppIdentity: identity(sources.certificate.location, text("certificate"), text("key")),
    furtherIdentities: (sources.further ?? []).map(({ certificate }, index) =>
      identity(certificate.location, text(`certificate ${index}`), text(`key ${index}`)),
    ),
    sipIdentity: identity(sources.sipCertificate.location, text("sipCertificate"), text("sipKey")),
    dialbackSecret,
  };
}

/** What the document's form cannot show: whether its certificates and lists are any. @throws UnusableError */
function checkTrust(location: string, { xmpp, sip, partners }: EdgeDocument): void {
  const check = (path: string, entries: readonly string[], read: (entry: string) => unknown): void => {
    for (const [index, entry] of entries.entries()) {
      try {
        read(entry);
      } catch (error) {
        const why = error instanceof CrlFormatError ? `the list ${error.message}` : error instanceof Error ? error.message : String(error);
        throw new UnusableError(location, `${path}[${index}] cannot be used: ${why}`);
      }
    }
  };
  check("xmpp.trustedAuthorities", xmpp.trustedAuthorities, (pem) => readCertificates(pem));
  check("sip.trustedAuthorities", sip.trustedAuthorities, (pem) => readCertificates(pem));
  check("xmpp.crls", xmpp.crls, (entry) => isCrlPem(entry) && readCrl(Buffer.from(entry)));
  for (const [index, partner] of partners.entries())
    check(`partners[${index}].trustedAuthorities`, partner.trustedAuthorities, (pem) => readCertificates(pem));
}

/** Further certificates that are served for no domain: forgotten, or too early. */
function unusedIdentities({ document, furtherIdentities = [] }: EdgeState): Warning[] {
  return furtherIdentities.flatMap(({ certificateChain }, index) => {
    const leaf = new X509Certificate(certificateChain);
    if (document.sipDomains.some((domain) => provesDomain(leaf, domain))) return [];
    const names = provableDomains(certificateNames(leaf)).slice(0, 5).join(", ") || "nobody";
    return [{ path: `certificates[${index}]`, text: `it is made out to ${names}, which is no SIP domain of this edge: it is not served` }];
  });
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
