/** Markdown for the printed pages: every page says what it is printed from, tables escape what would break them. */

/** A table whose columns stand below one another; `rows` may be empty. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heads, ...rows].map((row) => row.map(cell));
  const widths = heads.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = cells;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replace(/\s*\n\s*/g, " ") || "–";

export const code = (text: string): string => `\`${text}\``;

/** A whole page: title, where it comes from, then its blocks. */
export const page = (title: string, source: string, ...blocks: readonly string[]): string =>
  `${[`# ${title}`, `<!-- Printed from ${source} by \`npm run docs\`; do not edit. -->`, ...blocks].join("\n\n")}\n`;
