/**
 * An XML element as the stream reader delivers it and the writer takes it. Names are resolved: `namespace` is the
 * namespace name, never a prefix. Attribute keys are local names; a prefixed attribute is `prefix:local` for the reserved
 * prefix `xml` and `{namespace}local` for any other.
 */
export interface XmlElement {
  readonly name: string;
  readonly namespace: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlNode[];
}

export type XmlNode = XmlElement | string;

/** Makes an element. Attributes whose value is undefined are left out; children are flattened one level. */
export function element(
  namespace: string,
  name: string,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...children: readonly (XmlNode | undefined)[]
): XmlElement {
  const pairs = Object.entries(attributes).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return {
    name,
    namespace,
    attributes: new Map(pairs),
    children: children.filter((child) => child !== undefined && child !== ""),
  } as XmlElement;
}

/** The first child element of that name, or undefined. */
export function childOf(parent: XmlElement, namespace: string, name: string): XmlElement | undefined {
  return childElements(parent).find((child) => child.name === name && child.namespace === namespace);
}

export const childElements = (parent: XmlElement): XmlElement[] =>
  parent.children.filter((child): child is XmlElement => typeof child !== "string");

/** All character data directly inside the element, concatenated. */
export const textOf = (parent: XmlElement): string => parent.children.filter((child) => typeof child === "string").join("");

/** A copy with other attributes; undefined removes one. */
export function withAttributes(original: XmlElement, changes: Readonly<Record<string, string | undefined>>): XmlElement {
  const attributes = new Map(original.attributes);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) attributes.delete(key);
    else attributes.set(key, value);
  }
  return { ...original, attributes };
}
