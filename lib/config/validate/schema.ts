/**
 * What `--validate-config` checks, in the order in which Patroni says so; the
 * checks stand with the descriptors of keys and stores.
 *
 * It accepts what the agent accepts, also where Patroni's own validator refuses
 * values that work (docs/contract/configuration.md, appendix B, row 6).
 *
 * Source: docs/contract/configuration.md 7.3.
 */
import { isConfigMap } from "../../core/calc/documents/config_merge.ts";
import { checkOf } from "../keys/check.ts";
import { FIRST_KEYS, LATER_KEYS } from "../keys/all.ts";
import { STORES } from "../stores/all.ts";
import { anyOf, both, type Check, type Place } from "./checks.ts";

/** Ours are not among those that Patroni asks for. */
const OURS: ReadonlySet<string> = new Set([
  "dynamodb",
  "pgstore",
  "redis",
  "sqlite",
]);

const stores = anyOf(
  ...STORES.map(({ name }) => name).filter((name) => !OURS.has(name)),
);

function storesOrOurs(value: unknown, at: Place): Promise<readonly string[]> {
  const isOurs = isConfigMap(value) &&
    Object.keys(value).some((name) => OURS.has(name));
  return isOurs ? Promise.resolve([]) : stores(value, at);
}

/** The whole local configuration. */
export const localConfiguration: Check = both(
  both(checkOf(FIRST_KEYS), storesOrOurs),
  checkOf(LATER_KEYS),
);
