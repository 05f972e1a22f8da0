/**
 * Which environment variable fills which configuration key, and how its text
 * is read; made of the descriptors of keys. `env.ts` does the reading.
 *
 * Source: Patroni 4.1.4 manual, "Environment Configuration Settings";
 * docs/contract/configuration.md 5. Spellings that the manual promises and Patroni never reads are
 * accepted here.
 */
import { LOCAL_PLACES, type PlacedKey } from "./keys/all.ts";
import type { VariableKind } from "./keys/key.ts";

/** The key that a variable fills. */
export interface EnvTarget {
  readonly path: readonly string[];
  readonly kind: VariableKind;
}

/** Older spellings; the new name wins when both are set. */
export const LEGACY_NAMES: ReadonlyMap<string, string> = new Map([
  ["LOGLEVEL", "LOG_LEVEL"],
  ["LOGFORMAT", "LOG_FORMAT"],
  ["LOG_DATEFMT", "LOG_DATEFORMAT"],
]);

/** Fixed variables, by the name after `PATRONI_`. */
export const FIXED_NAMES: ReadonlyMap<string, EnvTarget> = new Map([
  ...LOCAL_PLACES.flatMap(targetsOf),
  target("POSTGRESQL_BIN_IS_READY", "postgresql.bin_name.pg_isready", "text"),
  target("RETRIABLE_HTTP_CODES", "kubernetes.retriable_http_codes", "list"),
]);

/** Suffixes of `PATRONI_<SECTION>_<SUFFIX>`, for any section. */
export const GENERIC_SUFFIXES: ReadonlyMap<string, VariableKind> = new Map(
  LOCAL_PLACES.flatMap(({ path, key: { suffix } }) =>
    suffix === undefined
      ? []
      : [[path.replace(/^.*\./, "").toUpperCase(), suffix] as const]
  ),
);

function targetsOf(
  { path, key, variable }: PlacedKey,
): readonly (readonly [string, EnvTarget])[] {
  if (variable === null) return [];
  const kind = typeof key.variable === "string"
    ? key.variable
    : key.type.variable;
  return key.names === undefined
    ? [target(variable, path, kind)]
    : key.names.map((name) =>
      target(`${variable}_${name.toUpperCase()}`, `${path}.${name}`, "text")
    );
}

function target(
  name: string,
  path: string,
  kind: VariableKind,
): readonly [string, EnvTarget] {
  return [name, { path: path.split("."), kind }];
}
