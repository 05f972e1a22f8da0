/** The store `sqlite`, ours: a file for labs on one host. */
import { checkOf } from "../keys/check.ts";
import { type KeyMap, section } from "../keys/key.ts";
import { changed, text } from "../keys/types.ts";
import type { Store } from "./store.ts";

/** Section `sqlite`. */
export interface SqliteConfig {
  readonly kind: "sqlite";
  readonly path: string;
}

const KEYS = {
  path: {
    type: text,
    isRequired: true,
    variable: true,
    meaning: "Ours: the file that stands for a DCS in a lab on one host",
  },
} as const satisfies KeyMap;

/** The store. */
export const SQLITE: Store<SqliteConfig> = {
  name: "sqlite",
  hint: "for a lab on one host, sqlite (path)",
  keys: KEYS,
  section: changed(
    section(KEYS),
    ({ path }): SqliteConfig => ({ kind: "sqlite", path }),
  ),
  check: checkOf(KEYS),
  url: {
    port: null,
    section: ({ path }) => ({ path: decodeURIComponent(path) }),
    hasNamespace: false,
  },
  hasProxy: false,
};
