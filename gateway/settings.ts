/** Where the gateway finds what it needs: command-line options, each with an environment variable of the same meaning. */

/** One option: its environment variable, what it is, and whether the gateway can do without. */
// biome-ignore format: one option, one line
export const OPTION_TABLE = [
  // option             environment             default     meaning
  ["document",          "EDGE_DOCUMENT",        null,       "path or URL of the edge document (docs/configuration.md)"],
  ["certificate",       "EDGE_CERTIFICATE",     "",         "certificate chain for partners, PEM; without one the gateway signs its own"],
  ["key",               "EDGE_KEY",             "",         "private key of that certificate, PEM"],
  ["certificates",      "EDGE_CERTIFICATES",    "",         "further certificates for partners: pairs of chain and key, a space within a pair, commas between pairs; each is served for the SIP domains it names"],
  ["sip-certificate",   "EDGE_SIP_CERTIFICATE", "",         "certificate chain for the SIP side, PEM; without one the gateway signs its own"],
  ["sip-key",           "EDGE_SIP_KEY",         "",         "private key of that certificate, PEM"],
  ["dialback-secret",   "EDGE_DIALBACK_SECRET", "",         "file or URL with the secret for dialback keys; the same on every node; without one it is random"],
  ["state",             "EDGE_STATE",           "",         "folder for what outlives a restart (consent); without one nothing outlives it"],
  ["bind",              "EDGE_BIND_ADDRESS",    "0.0.0.0",  "address to listen on"],
  ["dns",               "EDGE_DNS",             "",         "resolvers as host:port, separated by commas; default the system's"],
  ["poll",              "EDGE_POLL_SECONDS",    "10",       "seconds between looks at document, certificates and secrets (1 to 3600)"],
  ["log-level",         "EDGE_LOG_LEVEL",       "info",     "debug, info, warn or error"],
] as const satisfies readonly (readonly [string, string, string | null, string])[];

export type OptionName = (typeof OPTION_TABLE)[number][0];
const LEVELS = ["debug", "info", "warn", "error"] as const;

export interface Settings {
  readonly document: string;
  readonly certificate: string;
  readonly key: string;
  /** Further certificates for partners, at most MOST_CERTIFICATES. */
  readonly certificates: readonly { readonly certificate: string; readonly key: string }[];
  readonly sipCertificate: string;
  readonly sipKey: string;
  readonly dialbackSecret: string;
  readonly state: string;
  readonly bindAddress: string;
  readonly dnsServers: readonly string[];
  readonly pollSeconds: number;
  readonly logLevel: (typeof LEVELS)[number];
  readonly identity: { readonly endpoint: string | undefined; readonly header: string | undefined; readonly clientId: string | undefined };
}

/** Wrong arguments; the message lists every one. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "usage";
}

export const GATEWAY_OPTIONS = {
  ...Object.fromEntries(OPTION_TABLE.map(([name]) => [name, { type: "string" } as const])),
  help: { type: "boolean", short: "h" },
} as Record<OptionName, { type: "string" }> & { help: { type: "boolean"; short: "h" } };

type Values = { readonly [name in OptionName]?: string } & { readonly help?: boolean };

/** Certificates beside the first one: one for each SIP domain that a document may have. */
export const MOST_CERTIFICATES = 100;

/** Parts of a list, without the empty ones. */
const listed = (text: string, separator: string | RegExp): string[] =>
  text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");

function readPairs(text: string, problems: string[]): Settings["certificates"] {
  const pairs = listed(text, ",").map((pair) => listed(pair, /\s+/));
  const odd = pairs.find((parts) => parts.length !== 2);
  if (odd) problems.push(`--certificates has ${JSON.stringify(odd.join(" "))}; expected a certificate and its key, a space between them`);
  if (pairs.length > MOST_CERTIFICATES) problems.push(`--certificates has ${pairs.length} pairs; expected at most ${MOST_CERTIFICATES}`);
  return pairs.map(([certificate = "", key = ""]) => ({ certificate, key }));
}

/** Options win over the environment. @throws UsageError with every problem. */
export function readSettings(values: Values, environment: Readonly<Record<string, string | undefined>>): Settings {
  const found = new Map<OptionName, string>();
  const problems: string[] = [];
  for (const [name, variable, fallback] of OPTION_TABLE) {
    const value = values[name] ?? environment[variable] ?? fallback;
    if (value === null || (fallback === null && value === "")) problems.push(`--${name} (or ${variable}) is missing`);
    else found.set(name, value);
  }
  const of = (name: OptionName): string => found.get(name) ?? "";
  const pollSeconds = Number(of("poll"));
  if (!Number.isInteger(pollSeconds) || pollSeconds < 1 || pollSeconds > 3600) {
    problems.push(`--poll is ${JSON.stringify(of("poll"))}; expected a whole number of seconds from 1 to 3600`);
  }
  const logLevel = LEVELS.find((level) => level === of("log-level"));
  if (!logLevel) problems.push(`--log-level is ${JSON.stringify(of("log-level"))}; expected ${LEVELS.join(", ")}`);
  for (const [one, other] of [
    ["certificate", "key"],
    ["sip-certificate", "sip-key"],
  ] as const) {
    if ((of(one) === "") !== (of(other) === "")) problems.push(`--${one} and --${other} go together; one of them is missing`);
  }
  const certificates = readPairs(of("certificates"), problems);
  if (problems.length > 0) throw new UsageError(`${problems.join("\n  ")}\n  --help lists every option`);
  return {
    document: of("document"),
    certificate: of("certificate"),
    key: of("key"),
    certificates,
    sipCertificate: of("sip-certificate"),
    sipKey: of("sip-key"),
    dialbackSecret: of("dialback-secret"),
    state: of("state"),
    bindAddress: of("bind"),
    dnsServers: listed(of("dns"), ","),
    pollSeconds,
    logLevel: logLevel ?? "info",
    identity: {
      endpoint: environment.IDENTITY_ENDPOINT,
      header: environment.IDENTITY_HEADER,
      clientId: environment.AZURE_CLIENT_ID,
    },
  };
}

/** The help text, printed from the table. */
export function gatewayUsage(): string {
  const lines = OPTION_TABLE.map(([name, variable, fallback, meaning]) => {
    const standard = fallback ? ` (default ${fallback})` : fallback === null ? " (required)" : "";
    return `  --${name.padEnd(17)} ${meaning}${standard}\n${" ".repeat(22)}environment: ${variable}`;
  });
  return `usage: gateway --document FILE [options]
       gateway contacts list|revoke [--state DIR] ...

${lines.join("\n")}
`;
}
