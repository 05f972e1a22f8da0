/**
 * Finds files that import each other in a circle. Imports of types count: a
 * reader has to know both files at once either way.
 */

/** Per file the files that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const IMPORTS =
  /^(?:import|export)\b[^;"]*?"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"/gm;

/** The relative files that a source imports, from the folder that all paths start at. */
export function importsOf(path: string, source: string): readonly string[] {
  return [...source.matchAll(IMPORTS)].map(([, fixed, dynamic]) => {
    const url = new URL(fixed ?? dynamic ?? "", `file:///${path}`);
    return url.pathname.slice(1);
  });
}

/**
 * One circle for each group of files that import each other, as the files on
 * the shortest way round.
 */
export function circles(graph: ImportGraph): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  const named = new Set<string>();
  for (const file of [...graph.keys()].toSorted()) {
    if (named.has(file)) continue;
    const way = wayBack(graph, file);
    if (way === null) continue;
    found.push(way);
    for (const each of way) named.add(each);
  }
  return found;
}

/** The shortest way from the file to itself, breadth first; null: there is none. */
function wayBack(graph: ImportGraph, start: string): readonly string[] | null {
  const ways: (readonly string[])[] = [[start]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const next of graph.get(way.at(-1) ?? start) ?? []) {
      if (next === start) return way;
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return null;
}
