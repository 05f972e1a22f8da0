/** Patroni's validation of a section, made of the descriptors of its keys. */
import { type Check, type Field, map } from "../validate/checks.ts";
import type { Key, KeyMap } from "./key.ts";

/** The keys that Patroni's validation looks at, in their order. */
export function fieldsOf(keys: KeyMap): readonly Field[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const check = checkOfKey(key);
    const isRequired = key.isExpected ?? key.isRequired ?? false;
    return check === null ? [] : [{ key: name, isRequired, check }];
  });
}

/** The check of a map with these keys. */
export function checkOf(keys: KeyMap): Check {
  return map(fieldsOf(keys));
}

function checkOfKey({ check, keys, type }: Key): Check | null {
  if (check !== undefined) return check;
  return keys === undefined ? type.check : checkOf(keys);
}
