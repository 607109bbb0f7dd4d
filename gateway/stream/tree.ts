/** Tags and texts -> elements with resolved names (Namespaces in XML 1.0). Knows nothing of bytes. */
import type { XmlElement, XmlNode } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import type { ReaderLimits } from "./limits.ts";
import { notWellFormed, overLimit, XmlProblem } from "./problem.ts";
import type { OpenTag } from "./tag.ts";

/** The root tag of a stream, names resolved. Whether it is an XMPP stream's is for the negotiation to judge. */
export interface StreamHeader {
  /** Local name. */
  readonly name: string;
  /** Namespace of the root; empty where it has none. */
  readonly namespace: string;
  /** Keys as in XmlElement.attributes. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly defaultNamespace: string | null;
  /** Prefix -> namespace as declared in the header. */
  readonly namespaces: ReadonlyMap<string, string>;
}

/** What the prefixes mean at one place: the default namespace and a chain, innermost declaration first. */
interface Scope {
  readonly defaultNamespace: string;
  readonly declared: Declaration | null;
}

interface Declaration {
  readonly prefix: string;
  readonly namespace: string;
  readonly outer: Declaration | null;
  /** Declarations in the chain from here outwards. */
  readonly length: number;
}

/** An element whose closing tag has not come yet. */
interface Open {
  readonly name: string;
  readonly element: XmlElement & { readonly children: XmlNode[] };
  readonly scope: Scope;
  text: string;
}

const BARE: Scope = { defaultNamespace: "", declared: null };
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

export class Tree {
  limits: ReaderLimits;
  #rootName = "";
  #rootScope = BARE;
  #open: Open[] = [];
  #nodes = 0;

  constructor(limits: ReaderLimits) {
    this.limits = limits;
  }

  /** Levels open inside the root. */
  get depth(): number {
    return this.#open.length;
  }

  /** The root's tag. @throws XmlProblem */
  openRoot(tag: OpenTag): StreamHeader {
    const scope = this.#declare(BARE, tag.pairs);
    const { name, namespace } = resolveName(tag.name, scope);
    const namespaces = new Map<string, string>();
    for (let one = scope.declared; one !== null; one = one.outer) namespaces.set(one.prefix, one.namespace);
    this.#rootName = tag.name;
    this.#rootScope = scope;
    const attributes = attributesOf(tag.pairs, scope);
    return { name, namespace, attributes, defaultNamespace: scope.defaultNamespace || null, namespaces };
  }

  /** The root's closing tag. @throws XmlProblem */
  closeRoot(name: string): void {
    if (name !== this.#rootName) throw mismatch(name, this.#rootName);
  }

  /** An element's tag; the finished first-level element where it is that and empty. @throws XmlProblem */
  open(tag: OpenTag): XmlElement | null {
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#nodes = 0;
    else this.#flush(parent);
    const scope = this.#declare(parent?.scope ?? this.#rootScope, tag.pairs);
    const { name, namespace } = resolveName(tag.name, scope);
    const element = { name, namespace, attributes: attributesOf(tag.pairs, scope), children: [] };
    this.#count();
    parent?.element.children.push(element);
    //= RFC 6120 13.12
    if (this.#open.length >= this.limits.depth) throw overLimit("a stanza", this.limits.depth, "levels of elements");
    if (tag.empty) return parent === undefined ? element : null;
    this.#open.push({ name: tag.name, element, scope, text: "" });
    return null;
  }

  /** A closing tag; the finished first-level element where it is that one's. @throws XmlProblem */
  close(name: string): XmlElement | null {
    const open = this.#open.pop();
    if (open?.name !== name) throw mismatch(name, open?.name ?? this.#rootName);
    this.#flush(open);
    return this.#open.length === 0 ? open.element : null;
  }

  /** Character data, references resolved; pieces that stand side by side become one text. */
  text(text: string): void {
    const open = this.#open.at(-1);
    if (open !== undefined) open.text += text;
  }

  #flush(open: Open): void {
    if (open.text === "") return;
    this.#count();
    open.element.children.push(open.text);
    open.text = "";
  }

  #count(): void {
    if (++this.#nodes > this.limits.children) throw overLimit("a stanza", this.limits.children, "elements and texts");
  }

  /** The scope inside a tag with these attributes. */
  #declare(outer: Scope, pairs: readonly string[]): Scope {
    let defaultNamespace: string | null = null;
    let declared = outer.declared;
    for (let index = 0; index < pairs.length; index += 2) {
      const key = pairs[index] as string;
      if (!isDeclaration(key)) continue;
      const namespace = pairs[index + 1] as string;
      if (key === "xmlns") {
        if (defaultNamespace !== null) throw duplicate(key);
        defaultNamespace = checkedDefault(namespace);
      } else declared = declare(key.slice(6), namespace, declared, outer.declared);
    }
    if ((declared?.length ?? 0) > this.limits.namespaces) throw overLimit("a place", this.limits.namespaces, "namespace prefixes in force");
    if (defaultNamespace === null && declared === outer.declared) return outer;
    return { defaultNamespace: defaultNamespace ?? outer.defaultNamespace, declared };
  }
}

const isDeclaration = (key: string): boolean => key.charCodeAt(0) === 0x78 && (key === "xmlns" || key.startsWith("xmlns:"));

function checkedDefault(namespace: string): string {
  if (namespace === NS.xml || namespace === NS.xmlns) throw badPrefix("a reserved namespace as default namespace");
  return namespace;
}

/** The constraints "Reserved Prefixes and Namespace Names" and "No Prefix Undeclaring". */
function declare(prefix: string, namespace: string, declared: Declaration | null, outer: Declaration | null): Declaration {
  if (prefix === "xmlns") throw badPrefix("a declaration of the prefix xmlns");
  if ((prefix === "xml") !== (namespace === NS.xml))
    throw badPrefix("a prefix xml with another namespace, or its namespace with another prefix");
  if (namespace === NS.xmlns) throw badPrefix("a prefix for the namespace of xmlns");
  if (namespace === "") throw badPrefix("a prefix declared as no namespace");
  for (let one = declared; one !== outer && one !== null; one = one.outer) if (one.prefix === prefix) throw duplicate(`xmlns:${prefix}`);
  return { prefix, namespace, outer: declared, length: (declared?.length ?? 0) + 1 };
}

function resolveName(name: string, scope: Scope): { name: string; namespace: string } {
  const colon = name.indexOf(":");
  if (colon === -1) return { name, namespace: scope.defaultNamespace };
  return { name: name.slice(colon + 1), namespace: namespaceOf(name.slice(0, colon), scope) };
}

function namespaceOf(prefix: string, scope: Scope): string {
  if (prefix === "xml") return NS.xml;
  for (let one = scope.declared; one !== null; one = one.outer) if (one.prefix === prefix) return one.namespace;
  throw badPrefix(`the prefix ${prefix.slice(0, 40)}, which is not declared`);
}

/** Attributes by resolved key; two that resolve alike are refused ("Attributes Unique"). */
function attributesOf(pairs: readonly string[], scope: Scope): ReadonlyMap<string, string> {
  if (pairs.length === 0) return NO_ATTRIBUTES;
  const attributes = new Map<string, string>();
  let expected = 0;
  for (let index = 0; index < pairs.length; index += 2) {
    const written = pairs[index] as string;
    if (isDeclaration(written)) continue;
    const key = keyOf(written, scope);
    attributes.set(key, pairs[index + 1] as string);
    if (attributes.size !== ++expected) throw duplicate(written);
  }
  return expected === 0 ? NO_ATTRIBUTES : attributes;
}

/** No local name holds a brace or colon, so no two (namespace, local name) pairs share a key. */
function keyOf(written: string, scope: Scope): string {
  const colon = written.indexOf(":");
  if (colon === -1 || written.startsWith("xml:")) return written;
  return `{${namespaceOf(written.slice(0, colon), scope)}}${written.slice(colon + 1)}`;
}

const badPrefix = (what: string): XmlProblem => new XmlProblem("bad-namespace-prefix", what);
const duplicate = (name: string): XmlProblem => notWellFormed(`the attribute ${name.slice(0, 40)} twice in one tag`);
const mismatch = (got: string, expected: string): XmlProblem =>
  notWellFormed(`the closing tag of ${got.slice(0, 40)} where that of ${expected.slice(0, 40)} is due`);
