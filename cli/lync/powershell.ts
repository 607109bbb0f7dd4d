/**
 * Text for PowerShell that cannot be anything but text. What is printed here is ASCII alone: Windows PowerShell reads a
 * script without a byte order mark in the machine's code page, and it takes typographic quotes for quotes.
 */

/** A string expression. Characters outside printable ASCII become `[char]` terms, so that nothing ends the string early. */
export function quote(text: string): string {
  const parts = text.match(/[ -~]+|[^ -~]/g) ?? [];
  const terms = parts.map((part) => (/^[ -~]/.test(part) ? `'${part.replaceAll("'", "''")}'` : `[char]0x${hex(part)}`));
  if (terms.length === 0) return "''";
  if (terms.length === 1 && terms[0]?.startsWith("'")) return terms[0];
  // A string first, else + would add two characters as numbers do.
  return `(${[...(terms[0]?.startsWith("'") ? [] : ["''"]), ...terms].join(" + ")})`;
}

const hex = (unit: string): string => unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");

/** A comment line. Whatever is not printable ASCII becomes a question mark, so that the comment stays one line. */
export const comment = (text: string): string => `# ${text.replace(/[^ -~]/g, "?")}`.trimEnd();

export const bool = (value: boolean): string => (value ? "$true" : "$false");
