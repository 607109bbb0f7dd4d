/**
 * Name constraints of an authority (RFC 5280 4.2.1.10). Constraints on DNS names are applied to every name that proves a
 * domain here: DNS-ID, SRV-ID and XmppAddr. Otherwise an authority that may vouch for one organisation's hosts could vouch
 * for anybody's XMPP domain by writing it as an otherName.
 */
import type { X509Certificate } from "node:crypto";
import { comparableName, extensionsOf, shown, subjectOf } from "./certificate.ts";
import { bytesOf, type Der, DerError, decode, itemsOf, tagOf } from "./der.ts";
import { LIMITS } from "./limits.ts";
import { certificateNames, GENERAL_NAME, provableDomains } from "./names.ts";
import { OID } from "./oids.ts";

interface Constraints {
  readonly permitted: readonly Der[];
  readonly excluded: readonly Der[];
}

/**
 * Why the authority may not have vouched for one of the certificates below it, or null. `below`: the leaf first.
 * @throws DerError when the extension cannot be read.
 */
export function nameConstraintsProblem(authority: X509Certificate, below: readonly X509Certificate[]): string | null {
  const found = extensionsOf(authority).get(OID.nameConstraints);
  if (found === undefined) return null;
  const constraints = readConstraints(decode(found.value));
  for (const [index, certificate] of below.entries()) {
    const selfIssued = index > 0 && certificate.issuer === certificate.subject; // RFC 5280 6.1.3 (b)
    const problem = selfIssued ? null : problemOf(certificate, constraints);
    if (problem) return problem;
  }
  return null;
}

function readConstraints(value: Der): Constraints {
  const parts = itemsOf(value, "sequence");
  return { permitted: subtrees(parts.find((part) => tagOf(part) === 0)), excluded: subtrees(parts.find((part) => tagOf(part) === 1)) };
}

function subtrees(part: Der | undefined): readonly Der[] {
  const items = part ? itemsOf(part) : [];
  if (items.length > LIMITS.nameConstraints) throw new DerError(`${items.length} name constraints, at most ${LIMITS.nameConstraints}`);
  return items.map((item) => {
    const [base, ...distances] = itemsOf(item, "sequence");
    if (base === undefined || tagOf(base) === null) throw new DerError("expected a name in a name constraint");
    if (distances.length > 0) throw new DerError("a name constraint with a distance, which RFC 5280 does not allow");
    return base;
  });
}

/** How each form that can be compared is compared; `names` are a certificate's names of that form. */
interface Form {
  readonly tag: number;
  readonly names: (certificate: X509Certificate) => readonly string[];
  readonly base: (value: Der) => string;
  /** Whether a name lies inside a subtree; `outside`: whether no part of it does. They differ for wildcards. */
  readonly within: (name: string, base: string) => boolean;
  readonly outside: (name: string, base: string) => boolean;
}

const DNS: Form = {
  tag: GENERAL_NAME.dNSName,
  names: (certificate) => provableDomains(certificateNames(certificate)),
  base: (value) => bytesOf(value).toString("latin1").toLowerCase(),
  within: (name, base) => isBelow(name.replace(/^\*\./, ""), base),
  outside: (name, base) => !DNS.within(name, base) && !(name.startsWith("*.") && isBelow(base.replace(/^\./, ""), name.slice(2))),
};

const DIRECTORY: Form = {
  tag: GENERAL_NAME.directoryName,
  names: (certificate) =>
    [subjectOf(certificate), ...alternativeNames(certificate, GENERAL_NAME.directoryName).map((name) => itemsOf(name)[0])]
      .map(comparableName)
      .filter((name) => name !== ""),
  base: (value) => comparableName(itemsOf(value)[0]),
  within: (name, base) => base === "" || `${name}\n`.startsWith(`${base}\n`),
  outside: (name, base) => !DIRECTORY.within(name, base),
};

/** "" is every name, ".a" everything below a, "a" also a itself. */
function isBelow(name: string, base: string): boolean {
  if (base === "" || base === ".") return true;
  return base.startsWith(".") ? name.endsWith(base) : name === base || name.endsWith(`.${base}`);
}

function problemOf(certificate: X509Certificate, constraints: Constraints): string | null {
  return (
    formProblem(certificate, constraints, DNS) ??
    formProblem(certificate, constraints, DIRECTORY) ??
    otherFormProblem(certificate, constraints)
  );
}

function formProblem(certificate: X509Certificate, constraints: Constraints, form: Form): string | null {
  const ofForm = (list: readonly Der[]) => list.filter((base) => tagOf(base) === form.tag).map(form.base);
  const permitted = ofForm(constraints.permitted);
  const excluded = ofForm(constraints.excluded);
  for (const name of form.names(certificate)) {
    if (permitted.length > 0 && !permitted.some((base) => form.within(name, base)))
      return `${shown(name)} is not among the names it may vouch for`;
    if (!excluded.every((base) => form.outside(name, base))) return `${shown(name)} is among the names it may not vouch for`;
  }
  return null;
}

/** RFC 5280 6.1.4 (g): a form that cannot be compared is refused where a name of that form is there. */
function otherFormProblem(certificate: X509Certificate, { permitted, excluded }: Constraints): string | null {
  const known: readonly (number | null)[] = [DNS.tag, DIRECTORY.tag];
  const tags = new Set([...permitted, ...excluded].map(tagOf).filter((tag) => !known.includes(tag)));
  const clash = [...tags].find((tag) => tag !== null && alternativeNames(certificate, tag).length > 0);
  return clash === undefined ? null : `a name of kind [${clash}] is constrained, which cannot be checked here`;
}

function alternativeNames(certificate: X509Certificate, tag: number): readonly Der[] {
  const found = extensionsOf(certificate).get(OID.subjectAltName);
  return found ? itemsOf(decode(found.value), "sequence").filter((name) => tagOf(name) === tag) : [];
}
