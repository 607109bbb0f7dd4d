/** The headers this code knows: their spelling, compact form, and how often they may stand. All others are kept as they are. */

/**
 * single: once (RFC 3261 7.3.1); list: elements separated by commas, may stand several times; text: opaque here.
 * Compact names: RFC 3261 7.3.3, RFC 6665 8.2 (o, u), RFC 3515 (r), RFC 3892 (b), RFC 4028 (x), RFC 3841 (a, d, j).
 */
// biome-ignore format: one row a line
export const HEADERS = {
  "accept":                 { name: "Accept",                compact: null, form: "list"   },
  "accept-contact":         { name: "Accept-Contact",        compact: "a",  form: "list"   },
  "accept-encoding":        { name: "Accept-Encoding",       compact: null, form: "list"   },
  "allow":                  { name: "Allow",                 compact: null, form: "list"   },
  "allow-events":           { name: "Allow-Events",          compact: "u",  form: "list"   },
  "call-id":                { name: "Call-ID",               compact: "i",  form: "single" },
  "contact":                { name: "Contact",               compact: "m",  form: "list"   },
  "content-disposition":    { name: "Content-Disposition",   compact: null, form: "single" },
  "content-encoding":       { name: "Content-Encoding",      compact: "e",  form: "list"   },
  "content-language":       { name: "Content-Language",      compact: null, form: "list"   },
  "content-length":         { name: "Content-Length",        compact: "l",  form: "single" },
  "content-type":           { name: "Content-Type",          compact: "c",  form: "single" },
  "cseq":                   { name: "CSeq",                  compact: null, form: "single" },
  "date":                   { name: "Date",                  compact: null, form: "text"   },
  "event":                  { name: "Event",                 compact: "o",  form: "single" },
  "expires":                { name: "Expires",               compact: null, form: "single" },
  "from":                   { name: "From",                  compact: "f",  form: "single" },
  "max-forwards":           { name: "Max-Forwards",          compact: null, form: "single" },
  "ms-diagnostics":         { name: "ms-diagnostics",        compact: null, form: "text"   },
  "ms-diagnostics-public":  { name: "ms-diagnostics-public", compact: null, form: "text"   },
  "ms-keep-alive":          { name: "ms-keep-alive",         compact: null, form: "text"   },
  "ms-text-format":         { name: "ms-text-format",        compact: null, form: "text"   },
  "proxy-require":          { name: "Proxy-Require",         compact: null, form: "list"   },
  "record-route":           { name: "Record-Route",          compact: null, form: "list"   },
  "refer-to":               { name: "Refer-To",              compact: "r",  form: "text"   },
  "referred-by":            { name: "Referred-By",           compact: "b",  form: "text"   },
  "reject-contact":         { name: "Reject-Contact",        compact: "j",  form: "list"   },
  "request-disposition":    { name: "Request-Disposition",   compact: "d",  form: "list"   },
  "require":                { name: "Require",               compact: null, form: "list"   },
  "retry-after":            { name: "Retry-After",           compact: null, form: "text"   },
  "route":                  { name: "Route",                 compact: null, form: "list"   },
  "session-expires":        { name: "Session-Expires",       compact: "x",  form: "text"   },
  "subject":                { name: "Subject",               compact: "s",  form: "text"   },
  "subscription-state":     { name: "Subscription-State",    compact: null, form: "single" },
  "supported":              { name: "Supported",             compact: "k",  form: "list"   },
  "timestamp":              { name: "Timestamp",             compact: null, form: "text"   },
  "to":                     { name: "To",                    compact: "t",  form: "single" },
  "unsupported":            { name: "Unsupported",           compact: null, form: "list"   },
  "user-agent":             { name: "User-Agent",            compact: null, form: "text"   },
  "via":                    { name: "Via",                   compact: "v",  form: "list"   },
} as const satisfies Record<string, { name: string; compact: string | null; form: "single" | "list" | "text" }>;

export type KnownHeader = keyof typeof HEADERS;

/** Compact form -> long form, lower case. No prototype: the names come from the wire. */
export const COMPACT: Readonly<Record<string, string>> = Object.assign(
  Object.create(null) as Record<string, string>,
  Object.fromEntries(Object.entries(HEADERS).flatMap(([key, row]) => (row.compact === null ? [] : [[row.compact, key]]))),
);

/** Headers that may stand once; twice is an error that nobody should guess about. */
export const SINGLE: ReadonlySet<string> = new Set(Object.entries(HEADERS).flatMap(([key, row]) => (row.form === "single" ? [key] : [])));
