/** The versions that this program names. */

/** The version that peers and tools of Patroni read. Source: docs/contract/dcs.md 3.4.1. */
export const COMPATIBLE_VERSION = "4.1.4";

/** Our own version; deno.json holds the same. */
export const MATRIARCH_VERSION = "0.1.0";
