/**
 * Every key that this program reads, as people read of it: its default, which
 * layers may set it and when a change takes effect. `config explain` and the
 * tables of docs/configuration.md are made from it.
 */
import { DYNAMIC_PLACES, LOCAL_PLACES, type PlacedKey } from "./keys/all.ts";
import type { KeyApply, KeyLayer } from "./keys/key.ts";

/** One key. */
export interface KeyReference {
  /** Dotted; a `*` stands for any name. */
  readonly path: string;
  /** As a person would write it; empty: none. */
  readonly fallback: string;
  readonly scope: KeyLayer;
  readonly apply: KeyApply;
  readonly meaning: string;
}

const REFERENCES = [
  ...LOCAL_PLACES,
  // Settings of PostgreSQL are listed once.
  ...DYNAMIC_PLACES.filter(({ path }) => !path.startsWith("postgresql.")),
].flatMap(referenceOf);

/** Other names of keys. */
const ALIASES: ReadonlyMap<string, string> = new Map(
  [...LOCAL_PLACES, ...DYNAMIC_PLACES].flatMap(({ path, key }) =>
    (key.aliases ?? []).map((alias) =>
      [path.slice(0, path.lastIndexOf(".") + 1) + alias, path] as const
    )
  ),
);

/** All keys, those of the local configuration first. */
export function keyReferences(): readonly KeyReference[] {
  return REFERENCES;
}

/** The reference of a key, also through a `*`; null for unknown keys. */
export function keyReference(path: string): KeyReference | null {
  const wanted = ALIASES.get(path) ?? path;
  return REFERENCES.find((each) =>
    each.path === wanted || each.path === `${wanted}.*` ||
    (each.path.endsWith(".*") && wanted.startsWith(each.path.slice(0, -1)))
  ) ?? null;
}

function referenceOf(
  { path, key, layer, apply, isPart }: PlacedKey,
): readonly KeyReference[] {
  const { meaning } = key;
  if (meaning === undefined || isPart) return [];
  return [{
    path: key.isOpen ? `${path}.*` : path,
    fallback: fallbackText(key),
    scope: layer,
    apply,
    meaning,
  }];
}

/** Null, or an open map that is empty, is nothing to tell of. */
function fallbackText(
  { otherwise, isRequired, fallback, isOpen }: PlacedKey["key"],
): string {
  if (otherwise !== undefined) return otherwise;
  if (isRequired) return "required";
  if (fallback === undefined || isOpen) return "";
  if (Array.isArray(fallback)) return `[${fallback.join(", ")}]`;
  return typeof fallback === "object" ? "{}" : String(fallback);
}
