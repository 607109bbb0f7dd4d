/** Which DNS zone holds a name: the longest zone name that the name ends in (RFC 1034 section 4.3.2, step 2). */
export function zoneFor(name: string, zones: readonly string[]): string | undefined {
  return zones.filter((zone) => name === zone || name.endsWith(`.${zone}`)).sort((a, b) => b.length - a.length)[0];
}
