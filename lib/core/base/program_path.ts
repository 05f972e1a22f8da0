/** Where programs of operators are looked for. */

/** Debian's `fence-agents` are in sbin, which a user's PATH may lack. */
const SBIN = "/usr/local/sbin:/usr/sbin:/sbin";

/**
 * A PATH and what it may lack.
 *
 * @example
 * ```ts
 * import { programPath } from "./program_path.ts";
 * const path = programPath("/usr/bin");
 * if (path !== "/usr/bin:/usr/local/sbin:/usr/sbin:/sbin") throw new Error(path);
 * ```
 */
export function programPath(path: string | undefined): string {
  return `${path ?? ""}:${SBIN}`;
}
