/** Text of the `initialize` key: nobody's, somebody's right now, or a lineage's. */
import type { InitializeKey } from "../model/cluster_view.ts";

/** Value of `initialize` while a bootstrap runs. */
export const BOOTSTRAPPING_VALUE = "";

/**
 * What the text of `initialize` says; `null` stands for the absent key.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(decodeInitialize(""), { kind: "bootstrapping" });
 * ```
 *
 * Source: docs/contract/dcs.md 3.1.
 */
export function decodeInitialize(text: string | null): InitializeKey {
  if (text === null) return { kind: "absent" };
  if (text === BOOTSTRAPPING_VALUE) return { kind: "bootstrapping" };
  return isSystemId(text)
    ? { kind: "initialized", systemId: text }
    : { kind: "invalid" };
}

/** Whether `text` can be a PostgreSQL system identifier: at least ten digits. */
function isSystemId(text: string): boolean {
  return /^[0-9]{10,}$/.test(text);
}
