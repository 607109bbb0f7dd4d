/** The settings of a certificate request, as Lync's certificate wizard has them, and every problem they may have. */
import type { KeyObject } from "node:crypto";
import { SUBJECT_PARTS, type Subject } from "./build.ts";
import { keyText } from "./certificate.ts";
import { LIMITS } from "./limits.ts";
import { isDomain, srvNameOf } from "./names.ts";

/** RSA key lengths the wizard's "Bit length" may have here; 1024 is refused by every public authority. */
export const BIT_LENGTHS = [2048, 3072, 4096] as const;
export const DEFAULT_TEMPLATE = "WebServer";

export interface CertificateRequestSettings {
  readonly subject: Subject;
  /** DNS-IDs in A-label form. The subject's common name is always among them. */
  readonly dnsNames: readonly string[];
  /** SRV-IDs, `_xmpp-server.contoso.com`. Public authorities leave them out of what they issue. */
  readonly srvNames: readonly string[];
  readonly xmppAddrs?: readonly string[] | undefined;
  /** Certificate template of an enterprise authority: its name, not its display name. Default WebServer. */
  readonly templateName?: string | undefined;
  /** Display name of the certificate in Windows' store. */
  readonly friendlyName?: string | undefined;
  /**
   * "Mark certificate private key as exportable". A request has no field for it: it says what the holder of the key may
   * do. Here it decides whether the key may be read out of the stack, and it stands in the summary. Default false.
   */
  readonly exportableKey?: boolean | undefined;
  /** RSA bits, one of BIT_LENGTHS; where given, the key must have that length. */
  readonly bitLength?: number | undefined;
}

/** One thing that is wrong with the settings. */
export interface CertificateProblem {
  readonly path: string;
  readonly value: string;
  readonly allowed: string;
}

/** Settings that make no request, with every problem. */
export class CertificateRequestError extends Error {
  override readonly name = "CertificateRequestError";
  readonly code = "certificate-request-invalid";
  readonly problems: readonly CertificateProblem[];
  constructor(problems: readonly CertificateProblem[]) {
    const lines = problems.map(({ path, value, allowed }) => `  ${path} is ${value}; ${allowed}`);
    super(`certificate request has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

/**
 * The names the wizard fills in: Access Edge FQDN, `sip.<domain>` for each SIP domain, each XMPP domain (which are the
 * SIP domains where not given), then the further names; each name once. `srvNames` name the XMPP domains for servers.
 */
export function requestNames(edge: {
  readonly accessEdgeFqdn: string;
  readonly sipDomains: readonly string[];
  readonly xmppDomains?: readonly string[] | undefined;
  readonly additionalNames: readonly string[];
}): { readonly dnsNames: readonly string[]; readonly srvNames: readonly string[] } {
  const xmppDomains = edge.xmppDomains ?? edge.sipDomains;
  const dnsNames = [edge.accessEdgeFqdn, ...edge.sipDomains.map((domain) => `sip.${domain}`), ...xmppDomains, ...edge.additionalNames];
  return { dnsNames: unique(dnsNames), srvNames: unique(xmppDomains.map(srvNameOf)) };
}

/** The DNS-IDs of the request: the common name is one of them, as the wizard does it. */
export const dnsNamesOf = (settings: CertificateRequestSettings): readonly string[] =>
  unique([settings.subject.commonName, ...settings.dnsNames]);

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];

/** Every problem of the settings; needs no key, so that a preview can show them. */
export function requestProblems(settings: CertificateRequestSettings): readonly CertificateProblem[] {
  return [...subjectProblems(settings.subject), ...namesProblems(settings), ...otherProblems(settings)];
}

function subjectProblems(subject: Subject): CertificateProblem[] {
  const problems = SUBJECT_PARTS.flatMap(([part, longest]) => {
    const text = part === "country" ? "" : (subject[part] ?? ""); // the country has a rule of its own below
    const bad = text.length > longest || hasControls(text);
    return bad ? [problem(`subject.${part}`, text, `expected at most ${longest} characters and no control characters`)] : [];
  });
  if (subject.country && !/^[A-Za-z]{2}$/.test(subject.country)) {
    problems.push(problem("subject.country", subject.country, "expected a country code of two letters (ISO 3166), such as US"));
  }
  if (!isDomain(subject.commonName)) problems.push(problem("subject.commonName", subject.commonName, domainAllowed(subject.commonName)));
  return problems;
}

function namesProblems(settings: CertificateRequestSettings): CertificateProblem[] {
  const { dnsNames, srvNames, xmppAddrs = [] } = settings;
  const count = dnsNames.length + srvNames.length + xmppAddrs.length;
  if (count > LIMITS.names) return [{ path: "dnsNames", value: `${count} names`, allowed: `expected at most ${LIMITS.names}` }];
  const bad = (list: readonly string[], path: string, isGood: (name: string) => boolean, allowed: (name: string) => string) =>
    list.flatMap((name, index) => (isGood(name) ? [] : [problem(`${path}[${index}]`, name, allowed(name))]));
  return [
    ...bad(dnsNames, "dnsNames", isDomain, domainAllowed),
    ...bad(srvNames, "srvNames", isXmppServerName, () => "expected _xmpp-server. and a domain name"),
    ...bad(xmppAddrs, "xmppAddrs", isDomain, domainAllowed),
  ];
}

const isXmppServerName = (name: string): boolean => isDomain(name.slice(srvNameOf("").length)) && name.startsWith(srvNameOf(""));

/** Lync supports no wildcards for XMPP: its planning page wants every XMPP domain named. */
const domainAllowed = (name: string): string =>
  name.includes("*")
    ? "wildcards are not supported for XMPP federation; list every name"
    : "expected a domain name of two labels or more in lower case (A-labels), such as sip.contoso.com";

function otherProblems({ templateName, friendlyName, bitLength }: CertificateRequestSettings): CertificateProblem[] {
  const problems: CertificateProblem[] = [];
  if (templateName !== undefined && !/^[\w. -]{1,64}$/.test(templateName)) {
    problems.push(
      problem("templateName", templateName, "expected the template's name: 1 to 64 letters, digits, spaces, dots, hyphens or underscores"),
    );
  }
  if (friendlyName !== undefined && (friendlyName.length > 256 || hasControls(friendlyName))) {
    problems.push(problem("friendlyName", friendlyName, "expected at most 256 characters and no control characters"));
  }
  if (bitLength !== undefined && !BIT_LENGTHS.some((length) => length === bitLength)) {
    problems.push(problem("bitLength", bitLength, `expected ${BIT_LENGTHS.join(", ")}`));
  }
  return problems;
}

/** The key must be as long as the settings say. */
export function keyProblems({ bitLength }: CertificateRequestSettings, key: KeyObject): CertificateProblem[] {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bitLength === undefined || bits === bitLength) return [];
  return [problem("bitLength", bitLength, `the key is ${keyText(key)}: both must say the same`)];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const hasControls = (text: string): boolean => /[\u0000-\u001f\u007f]/.test(text);

function problem(path: string, value: string | number, allowed: string): CertificateProblem {
  const shown = JSON.stringify(value);
  return { path, value: shown.length > 80 ? `${shown.slice(0, 77)}...` : shown, allowed };
}
