/** Patroni's validation of section `postgresql`: two groups of keys, and the programs between them. */
import { isConfigMap } from "../../core/calc/documents/config_merge.ts";
import { fieldsOf } from "../keys/check.ts";
import type { KeyMap } from "../keys/key.ts";
import { SETTINGS_KEYS } from "../sections/postgres_settings.ts";
import { POSTGRESQL_KEYS } from "../sections/postgresql.ts";
import { map, type Place } from "./checks.ts";
import { programLines } from "./host_checks.ts";

const local = map(fieldsOf(POSTGRESQL_KEYS));
const settings = map(fieldsOf(localPart(SETTINGS_KEYS)));

/** The section of a local file. */
export async function postgresqlCheck(
  value: unknown,
  at: Place,
): Promise<readonly string[]> {
  const lines = await local(value, at);
  if (!isConfigMap(value)) return lines;
  return [...lines, ...await programLines(at), ...await settings(value, at)];
}

function localPart(keys: KeyMap): KeyMap {
  return Object.fromEntries(
    Object.entries(keys).filter(([, { layer }]) => layer !== "dynamic"),
  );
}
