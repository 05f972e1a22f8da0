/**
 * Stores of Patroni's that this program cannot use. Their keys are no
 * mistakes, their variables are read, and Patroni's validation looks at them;
 * then they are refused by name.
 */
import type { KeyMap, VariableKind } from "../keys/key.ts";
import { anything } from "../keys/types.ts";
import { list, map, required, string } from "../validate/checks.ts";
import { connectAddress } from "../validate/host_checks.ts";
import type { KnownStore } from "./store.ts";

const texts = list(string);

/** Names by what sets them: a variable of its own (`name:kind`), or none. */
function named(names: string): KeyMap {
  return Object.fromEntries(
    names.trim().split(/\s+/).map((word) => {
      const [name = "", kind] = word.split(":");
      const own = kind === undefined ? {} : { variable: kindOf(kind) };
      return [name, { type: anything, ...own }];
    }),
  );
}

function kindOf(text: string): VariableKind {
  return text === "bool" || text === "list" ? text : "text";
}

const RAFT: KnownStore = {
  name: "raft",
  keys: named(
    "self_addr:text bind_addr:text partner_addrs:list data_dir:text password:text",
  ),
  check: map(
    required("self_addr", connectAddress),
    required("partner_addrs", texts),
  ),
  url: null,
};

/** All of them. */
export const UNUSED_STORES: readonly KnownStore[] = [
  RAFT,
];
