/** Test helper: lints a piece of source as if it stood at a given path. */

import plugin from "./plugin.ts";

/**
 * The messages that one rule of the plugin gives for `source`.
 *
 * @param rule Its name without the prefix `house/`.
 * @param path Where the source is supposed to stand, from the root.
 */
export function messagesOf(
  rule: string,
  path: string,
  source: string,
): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .filter((found) => found.id === `house/${rule}`)
    .map((found) => found.message);
}
