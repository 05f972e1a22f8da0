/**
 * What is known of a configuration key, as plain data: one descriptor per key,
 * a map of them per section. Readers, names of variables, hints at misspelt
 * keys, Patroni's validation, `config explain` and docs/configuration.md are
 * made from them.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import { isAbsent, type Misfit, type Read, Wanted } from "../fields.ts";
import type { Check } from "../validate/checks.ts";

/** Which layers may set a key. */
export type KeyLayer =
  /** Only the local file or the environment. */
  | "local"
  /** Only the dynamic configuration. */
  | "dynamic"
  /** Both; the local value counts. */
  | "both"
  /** Only while the cluster is created. */
  | "bootstrap";

/** When a change takes effect. */
export type KeyApply = "reload" | "agent" | "restart" | "use" | "once";

/** How the text of a variable becomes a value. */
export type VariableKind =
  | "text"
  | "int"
  | "bool"
  | "list"
  | "map"
  | "log_format";

/** What the values of a key are. Patroni has several models of one kind, so types name them. */
export interface ValueType<T> {
  /** What it makes of a value that is there. */
  readonly read: Read<T>;
  /** Whether null is a value of its own, not the same as a missing key. */
  readonly isNullRead?: true;
  /** How Patroni's validation looks at it; null: it does not. */
  readonly check: Check | null;
  readonly variable: VariableKind;
  /** A sentence about a value that is taken for another than it seems; null: none. */
  readonly doubt?: (value: unknown, path: string) => string | null;
}

/** One key. */
export interface Key {
  readonly type: ValueType<unknown>;
  /** Its name in the typed configuration, by default its own in camel case; null: it is accepted and not used. */
  readonly field?: string | null;
  /** What a missing key means, as a file would say it. */
  readonly fallback?: unknown;
  /** What stands for the default where that follows from something else. */
  readonly otherwise?: string;
  readonly isRequired?: true;
  /** Patroni's validation misses it; by default if it is required. */
  readonly isExpected?: true;
  /** Instead of the type's; null: Patroni's validation does not look. */
  readonly check?: Check | null;
  /** By default as the section has it. */
  readonly layer?: KeyLayer;
  readonly apply?: KeyApply;
  /** Whether a variable sets it, and how: by default as the section and the type have it. */
  readonly variable?: boolean | VariableKind;
  /** `PATRONI_<ANY SECTION>_<KEY>` sets it, also to an empty text: so it is with stores. */
  readonly suffix?: VariableKind;
  /** Beginning of the names of variables for the keys below. */
  readonly prefix?: string;
  /** Other names, read where it is missing. */
  readonly aliases?: readonly string[];
  /** The keys below. */
  readonly keys?: KeyMap;
  /** Names below that are known, where no descriptor is needed. */
  readonly names?: readonly string[];
  /** Any name may stand below, so that it is documented with a star. */
  readonly isOpen?: true;
  /** One sentence; without it the documentation has the keys below instead. */
  readonly meaning?: string;
}

/** Keys by their names. */
export type KeyMap = Readonly<Record<string, Key>>;

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

type FieldOf<N extends string, K> = K extends { readonly field: infer F }
  ? F extends string ? F : never
  : Camel<N>;

type ValueOf<K> = K extends { readonly type: ValueType<infer T> }
  ? K extends { readonly fallback: unknown } | { readonly isRequired: true } ? T
  : T | null
  : never;

/** What a section's keys become. */
export type SectionOf<M extends KeyMap> = {
  readonly [N in keyof M & string as FieldOf<N, M[N]>]: ValueOf<M[N]>;
};

/** What keys have if they do not say it themselves. */
type KeyDefaults = Partial<Pick<Key, "layer" | "apply" | "variable">>;

/** The same keys with other defaults than their section's. */
export function withDefaults(keys: KeyMap, defaults: KeyDefaults): KeyMap {
  return Object.fromEntries(
    Object.entries(keys).map(([name, key]) => [name, { ...defaults, ...key }]),
  );
}

/** Reads a map with these keys, and says all that does not fit. */
export function readKeys<M extends KeyMap>(keys: M): Read<SectionOf<M>> {
  return (value) => {
    if (!isConfigMap(value)) return new Wanted("a map");
    const fields: Record<string, unknown> = {};
    const misfits: Misfit[] = [];
    for (const [name, key] of Object.entries(keys)) {
      const field = fieldOf(name, key);
      if (field === null) continue;
      const given = givenName(value, name, key);
      const result = readKey(key, ownValue(value, given));
      fields[field] = result;
      if (!(result instanceof Wanted)) continue;
      misfits.push(...result.misfits.map((misfit) => ({
        ...misfit,
        path: [given, ...misfit.path],
      })));
    }
    const isRead = misfits.length === 0 && isSection(fields, keys);
    return isRead ? fields : new Wanted(misfits);
  };
}

/** The type of a map with these keys. */
export function section<M extends KeyMap>(keys: M): ValueType<SectionOf<M>> {
  return { read: readKeys(keys), check: null, variable: "text" };
}

/** The value of a missing key or of a given one. */
export function readKey({ type, ...key }: Key, value: unknown): unknown {
  const isGiven = value !== undefined && (value !== null || type.isNullRead);
  if (isGiven || key.isRequired) return type.read(value);
  return key.fallback === undefined ? null : type.read(key.fallback);
}

/** The name under which a key stands in a map: its own, unless only an alias does. */
function givenName(
  map: ConfigMap,
  name: string,
  { aliases = [] }: Key,
): string {
  const own = ownValue(map, name);
  if (!isAbsent(own) && own !== "") return name;
  return aliases.find((alias) => !isAbsent(ownValue(map, alias))) ?? name;
}

function isSection<M extends KeyMap>(
  fields: unknown,
  keys: M,
): fields is SectionOf<M> {
  return isConfigMap(fields) && Object.entries(keys).every(([name, key]) => {
    const field = fieldOf(name, key);
    return field === null || Object.hasOwn(fields, field);
  });
}

function fieldOf(name: string, { field }: Key): string | null {
  if (field !== undefined) return field;
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
