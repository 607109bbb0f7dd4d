/** The headers this code knows: their spelling, compact form, how often they may stand, and what reads a value. All others are kept as they are. */

/**
 * How often a header may stand. single: once, a second is a fault (RFC 3261 7.3.1). list: elements between commas, and several times.
 * lines: several times, but never joined at commas (the authentication headers of 7.3.1). first: once by its RFC; nothing here turns
 * on it, so that a second one is let through and the first counts.
 */
export type HeaderForm = "single" | "list" | "lines" | "first";

/** What one value, or one element of a list, is; `values.ts` has the parser of each. */
export type ValueKind =
  | "address"
  | "call-id"
  | "credentials"
  | "cseq"
  | "media-type"
  | "number"
  | "reference"
  | "text"
  | "token"
  | "via"
  | "warning";

export interface HeaderRow {
  readonly name: string;
  readonly compact: string | null;
  readonly form: HeaderForm;
  readonly value: ValueKind;
  readonly cite: string;
}

/** RFC 3261 section 20 whole and in its order, then what IANA lists besides as far as a gateway may see it, then Lync's. Compact names: IANA. */
// biome-ignore format: one row a line
export const HEADERS = {
  "accept":                 { name: "Accept",                compact: null, form: "list",   value: "media-type",  cite: "RFC 3261 20.1" },
  "accept-encoding":        { name: "Accept-Encoding",       compact: null, form: "list",   value: "token",       cite: "RFC 3261 20.2" },
  "accept-language":        { name: "Accept-Language",       compact: null, form: "list",   value: "token",       cite: "RFC 3261 20.3" },
  "alert-info":             { name: "Alert-Info",            compact: null, form: "list",   value: "reference",   cite: "RFC 3261 20.4" },
  "allow":                  { name: "Allow",                 compact: null, form: "list",   value: "token",       cite: "RFC 3261 20.5" },
  "authentication-info":    { name: "Authentication-Info",   compact: null, form: "first",  value: "text",        cite: "RFC 3261 20.6" },
  "authorization":          { name: "Authorization",         compact: null, form: "lines",  value: "credentials", cite: "RFC 3261 20.7" },
  "call-id":                { name: "Call-ID",               compact: "i",  form: "single", value: "call-id",     cite: "RFC 3261 20.8" },
  "call-info":              { name: "Call-Info",             compact: null, form: "list",   value: "reference",   cite: "RFC 3261 20.9" },
  "contact":                { name: "Contact",               compact: "m",  form: "list",   value: "address",     cite: "RFC 3261 20.10" },
  "content-disposition":    { name: "Content-Disposition",   compact: null, form: "single", value: "token",       cite: "RFC 3261 20.11" },
  "content-encoding":       { name: "Content-Encoding",      compact: "e",  form: "list",   value: "token",       cite: "RFC 3261 20.12" },
  "content-language":       { name: "Content-Language",      compact: null, form: "list",   value: "token",       cite: "RFC 3261 20.13" },
  "content-length":         { name: "Content-Length",        compact: "l",  form: "single", value: "number",      cite: "RFC 3261 20.14" },
  "content-type":           { name: "Content-Type",          compact: "c",  form: "single", value: "media-type",  cite: "RFC 3261 20.15" },
  "cseq":                   { name: "CSeq",                  compact: null, form: "single", value: "cseq",        cite: "RFC 3261 20.16" },
  "date":                   { name: "Date",                  compact: null, form: "first",  value: "text",        cite: "RFC 3261 20.17" },
  "error-info":             { name: "Error-Info",            compact: null, form: "list",   value: "reference",   cite: "RFC 3261 20.18" },
  "expires":                { name: "Expires",               compact: null, form: "single", value: "number",      cite: "RFC 3261 20.19" },
  "from":                   { name: "From",                  compact: "f",  form: "single", value: "address",     cite: "RFC 3261 20.20" },
  "in-reply-to":            { name: "In-Reply-To",           compact: null, form: "list",   value: "call-id",     cite: "RFC 3261 20.21" },
  "max-forwards":           { name: "Max-Forwards",          compact: null, form: "single", value: "number",      cite: "RFC 3261 20.22" },
  "min-expires":            { name: "Min-Expires",           compact: null, form: "first",  value: "number",      cite: "RFC 3261 20.23" },
  "mime-version":           { name: "MIME-Version",          compact: null, form: "first",  value: "text",        cite: "RFC 3261 20.24" },
  "organization":           { name: "Organization",          compact: null, form: "first",  value: "text",        cite: "RFC 3261 20.25" },
  "priority":               { name: "Priority",              compact: null, form: "first",  value: "token",       cite: "RFC 3261 20.26" },
  "proxy-authenticate":     { name: "Proxy-Authenticate",    compact: null, form: "lines",  value: "credentials", cite: "RFC 3261 20.27" },
  "proxy-authorization":    { name: "Proxy-Authorization",   compact: null, form: "lines",  value: "credentials", cite: "RFC 3261 20.28" },
  "proxy-require":          { name: "Proxy-Require",         compact: null, form: "list",   value: "token",       cite: "RFC 3261 20.29" },
  "record-route":           { name: "Record-Route",          compact: null, form: "list",   value: "address",     cite: "RFC 3261 20.30" },
  "reply-to":               { name: "Reply-To",              compact: null, form: "first",  value: "address",     cite: "RFC 3261 20.31" },
  "require":                { name: "Require",               compact: null, form: "list",   value: "token",       cite: "RFC 3261 20.32" },
  "retry-after":            { name: "Retry-After",           compact: null, form: "first",  value: "number",      cite: "RFC 3261 20.33" },
  "route":                  { name: "Route",                 compact: null, form: "list",   value: "address",     cite: "RFC 3261 20.34" },
  "server":                 { name: "Server",                compact: null, form: "first",  value: "text",        cite: "RFC 3261 20.35" },
  "subject":                { name: "Subject",               compact: "s",  form: "first",  value: "text",        cite: "RFC 3261 20.36" },
  "supported":              { name: "Supported",             compact: "k",  form: "list",   value: "token",       cite: "RFC 3261 20.37" },
  "timestamp":              { name: "Timestamp",             compact: null, form: "first",  value: "text",        cite: "RFC 3261 20.38" },
  "to":                     { name: "To",                    compact: "t",  form: "single", value: "address",     cite: "RFC 3261 20.39" },
  "unsupported":            { name: "Unsupported",           compact: null, form: "list",   value: "token",       cite: "RFC 3261 20.40" },
  "user-agent":             { name: "User-Agent",            compact: null, form: "first",  value: "text",        cite: "RFC 3261 20.41" },
  "via":                    { name: "Via",                   compact: "v",  form: "list",   value: "via",         cite: "RFC 3261 20.42" },
  "warning":                { name: "Warning",               compact: null, form: "list",   value: "warning",     cite: "RFC 3261 20.43" },
  "www-authenticate":       { name: "WWW-Authenticate",      compact: null, form: "lines",  value: "credentials", cite: "RFC 3261 20.44" },

  "accept-contact":         { name: "Accept-Contact",        compact: "a",  form: "list",   value: "token",       cite: "RFC 3841 9.2" },
  "allow-events":           { name: "Allow-Events",          compact: "u",  form: "list",   value: "token",       cite: "RFC 6665 8.2.2" },
  "event":                  { name: "Event",                 compact: "o",  form: "single", value: "token",       cite: "RFC 6665 8.2.1" },
  "identity":               { name: "Identity",              compact: "y",  form: "lines",  value: "text",        cite: "RFC 8224 4" },
  "identity-info":          { name: "Identity-Info",         compact: "n",  form: "first",  value: "reference",   cite: "RFC 4474 9" },
  "min-se":                 { name: "Min-SE",                compact: null, form: "first",  value: "number",      cite: "RFC 4028 5" },
  "p-asserted-identity":    { name: "P-Asserted-Identity",   compact: null, form: "list",   value: "address",     cite: "RFC 3325 9.1" },
  "path":                   { name: "Path",                  compact: null, form: "list",   value: "address",     cite: "RFC 3327 4" },
  "reason":                 { name: "Reason",                compact: null, form: "list",   value: "token",       cite: "RFC 3326 2" },
  "refer-to":               { name: "Refer-To",              compact: "r",  form: "first",  value: "address",     cite: "RFC 3515 2.1" },
  "referred-by":            { name: "Referred-By",           compact: "b",  form: "first",  value: "address",     cite: "RFC 3892 3" },
  "reject-contact":         { name: "Reject-Contact",        compact: "j",  form: "list",   value: "token",       cite: "RFC 3841 9.2" },
  "request-disposition":    { name: "Request-Disposition",   compact: "d",  form: "list",   value: "token",       cite: "RFC 3841 9.1" },
  "rseq":                   { name: "RSeq",                  compact: null, form: "first",  value: "number",      cite: "RFC 3262 7.1" },
  "service-route":          { name: "Service-Route",         compact: null, form: "list",   value: "address",     cite: "RFC 3608" },
  "session-expires":        { name: "Session-Expires",       compact: "x",  form: "first",  value: "number",      cite: "RFC 4028 4" },
  "sip-etag":               { name: "SIP-ETag",              compact: null, form: "first",  value: "token",       cite: "RFC 3903 11.3.1" },
  "sip-if-match":           { name: "SIP-If-Match",          compact: null, form: "first",  value: "token",       cite: "RFC 3903 11.3.2" },
  "subscription-state":     { name: "Subscription-State",    compact: null, form: "single", value: "token",       cite: "RFC 6665 8.2.3" },

  "ms-diagnostics":         { name: "ms-diagnostics",        compact: null, form: "first",  value: "number",      cite: "[MS-OCER]" },
  "ms-diagnostics-public":  { name: "ms-diagnostics-public", compact: null, form: "first",  value: "number",      cite: "[MS-OCER]" },
  "ms-keep-alive":          { name: "ms-keep-alive",         compact: null, form: "first",  value: "token",       cite: "[MS-CONMGMT]" },
  "ms-text-format":         { name: "ms-text-format",        compact: null, form: "first",  value: "media-type",  cite: "[MS-SIPRE]" },
} as const satisfies Record<string, HeaderRow>;

export type KnownHeader = keyof typeof HEADERS;

/** Compact form -> long form, lower case. No prototype: the names come from the wire. */
export const COMPACT: Readonly<Record<string, string>> = Object.assign(
  Object.create(null) as Record<string, string>,
  Object.fromEntries(Object.entries(HEADERS).flatMap(([key, row]) => (row.compact === null ? [] : [[row.compact, key]]))),
);

/** Headers that may stand once; twice is an error that nobody should guess about. */
export const SINGLE: ReadonlySet<string> = new Set(Object.entries(HEADERS).flatMap(([key, row]) => (row.form === "single" ? [key] : [])));
