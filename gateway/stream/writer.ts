/** Elements -> text of a server-to-server stream. Writes nothing the reader would refuse: what XML cannot carry is an error here. */
import type { XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { isNcName, NOT_A_CHARACTER } from "./characters.ts";

export type WriteErrorCode = "invalid-character" | "invalid-name" | "invalid-header";

/** What was asked to be written cannot be: a fault of the caller, who should have refused or cleaned it. */
export class WriteError extends Error {
  override readonly name = "WriteError";
  readonly code: WriteErrorCode;
  constructor(code: WriteErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Attributes of a stream header (RFC 6120 section 4.7). */
export interface HeaderAttributes {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly id?: string | undefined;
  readonly version?: string | undefined;
  readonly "xml:lang"?: string | undefined;
}

/** What is declared outside of the element to be written. */
export interface WriteContext {
  /** Namespace of names without prefix. */
  readonly defaultNamespace?: string;
  /** Namespace -> its prefix. */
  readonly prefixes?: ReadonlyMap<string, string>;
}

/** What writeHeader declares. Dialback needs its prefix (XEP-0220 section 2.1), stream features and errors theirs (RFC 6120 4.8.5). */
const STREAM_PREFIXES: ReadonlyMap<string, string> = new Map([
  [NS.streams, "stream"],
  [NS.dialback, "db"],
]);

/** The closing tag of a stream. */
export const CLOSE = "</stream:stream>";

/**
 * XML declaration and stream header.
 * @param role Checks `id`: only the receiving entity gives one, and it must (RFC 6120 section 4.7.3).
 * @throws WriteError
 */
export function writeHeader(attributes: HeaderAttributes, role?: "initiating" | "receiving"): string {
  if (role !== undefined && (attributes.id !== undefined) !== (role === "receiving")) {
    throw new WriteError("invalid-header", `the header of the ${role} entity ${role === "receiving" ? "needs" : "has no"} id`);
  }
  const namespaces = [["xmlns", NS.server], ...[...STREAM_PREFIXES].map(([namespace, prefix]) => [`xmlns:${prefix}`, namespace] as const)];
  const given = (["from", "to", "id", "version", "xml:lang"] as const).map((name) => [name, attributes[name]] as const);
  const written = [...namespaces, ...given].map(([name, value]) => (value === undefined ? "" : ` ${name}='${escapeAttribute(value)}'`));
  return `<?xml version='1.0'?><stream:stream${written.join("")}>`;
}

/**
 * One element with all its content.
 * @param context Default: that of a stream opened by writeHeader.
 * @throws WriteError
 */
export function writeElement(element: XmlElement, context: WriteContext = {}): string {
  return write(element, context.defaultNamespace ?? NS.server, context.prefixes ?? STREAM_PREFIXES);
}

/** The text without the characters XML cannot carry (production 2), for texts that come from elsewhere, as from SIP. */
export const stripInvalid = (text: string): string => (NOT_A_CHARACTER.test(text) ? text.replace(NOT_CHARACTERS, "") : text);

const NOT_CHARACTERS = new RegExp(NOT_A_CHARACTER.source, "gu");

function write(element: XmlElement, defaultNamespace: string, prefixes: ReadonlyMap<string, string>): string {
  const prefix = prefixOf(element.namespace, prefixes);
  const inner = prefix === undefined ? element.namespace : defaultNamespace;
  const name = prefix === undefined ? checkedName(element.name) : `${prefix}:${checkedName(element.name)}`;
  const declaration = inner === defaultNamespace ? "" : ` xmlns='${escapeAttribute(inner)}'`;
  const start = `<${name}${declaration}${writeAttributes(element.attributes, prefixes)}`;
  if (element.children.length === 0) return `${start}/>`;
  let content = "";
  for (const child of element.children) content += typeof child === "string" ? escapeText(child) : write(child, inner, prefixes);
  return `${start}>${content}</${name}>`;
}

function prefixOf(namespace: string, prefixes: ReadonlyMap<string, string>): string | undefined {
  if (namespace === NS.xmlns) throw new WriteError("invalid-name", "a name in the namespace of xmlns, which no element or attribute has");
  return namespace === NS.xml ? "xml" : prefixes.get(namespace);
}

/** Keys as XmlElement has them: `local`, `xml:local`, `{namespace}local`. */
function writeAttributes(attributes: ReadonlyMap<string, string>, prefixes: ReadonlyMap<string, string>): string {
  let written = "";
  let declared = 0;
  for (const [key, value] of attributes) {
    const brace = key.startsWith("{") ? key.lastIndexOf("}") : -1;
    let name = key.startsWith("xml:") ? `xml:${checkedName(key.slice(4))}` : checkedName(key.slice(brace + 1));
    if (brace !== -1) {
      const namespace = key.slice(1, brace);
      let prefix = prefixOf(namespace, prefixes);
      if (prefix === undefined) {
        prefix = freshPrefix(++declared, prefixes);
        written += ` xmlns:${prefix}='${escapeAttribute(checkedNamespace(namespace))}'`;
      }
      name = `${prefix}:${name}`;
    } else if (key === "xmlns") throw new WriteError("invalid-name", "an attribute called xmlns; the namespace is a field of the element");
    written += ` ${name}='${escapeAttribute(value)}'`;
  }
  return written;
}

/** A prefix for one attribute; never one that stands for something else outside. */
function freshPrefix(number: number, prefixes: ReadonlyMap<string, string>): string {
  const taken = new Set(prefixes.values());
  let prefix = `ns${number}`;
  while (taken.has(prefix)) prefix = `${prefix}_`;
  return prefix;
}

function checkedNamespace(namespace: string): string {
  if (namespace === "")
    throw new WriteError("invalid-name", "an attribute with an empty namespace in braces; one without namespace has no braces");
  return namespace;
}

function checkedName(name: string): string {
  if (!isNcName(name)) throw new WriteError("invalid-name", `${JSON.stringify(name.slice(0, 40))} is no XML name without prefix`);
  return name;
}

// Everything but ordinary characters; what stands beyond the Basic Multilingual Plane takes the slower way too.
const SPECIAL = /[^\x20-\x25\x28-\x3B\x3D\x3F-\uD7FF\uE000-\uFFFD]/;

// biome-ignore format: one character a line
const ATTRIBUTE_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["&",  "&amp;"],
  ["<",  "&lt;"],
  [">",  "&gt;"],
  ["'",  "&apos;"],
  ["\t", "&#9;"],   // white space would come back as U+0020 (XML 1.0 section 3.3.3)
  ["\n", "&#10;"],
  ["\r", "&#13;"],
]);

// biome-ignore format: one character a line
const TEXT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["&",  "&amp;"],
  ["<",  "&lt;"],
  [">",  "&gt;"],
  ["\r", "&#13;"],  // a line end would come back as LF (XML 1.0 section 2.11)
]);

const escapeAttribute = (value: string): string => escapeBy(value, /[&<>'\t\n\r]/g, ATTRIBUTE_ESCAPES);
const escapeText = (text: string): string => escapeBy(text, /[&<>\r]/g, TEXT_ESCAPES);

function escapeBy(text: string, pattern: RegExp, escapes: ReadonlyMap<string, string>): string {
  if (!SPECIAL.test(text)) return text;
  const invalid = NOT_A_CHARACTER.exec(text);
  if (invalid !== null) {
    const code = invalid[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    throw new WriteError("invalid-character", `U+${code} at ${invalid.index} of a text; XML 1.0 cannot carry it`);
  }
  return text.replace(pattern, (character) => escapes.get(character) ?? character);
}
