/** One guarded write of a key of the scope, as the agent's stores make it. */
import type { Revision } from "../core/base/units.ts";
import type { Dcs, DcsCondition, DcsLimits, DcsWrite } from "../ports/dcs.ts";

/** Whether a guarded write took place. */
export type Guarded = "written" | "conflict";

/** The key is as it was seen; null: it was not there. */
export function unchanged(
  key: string,
  revision: Revision | null,
): DcsCondition {
  return revision === null
    ? { kind: "absent", key }
    : { kind: "revision_is", key, revision };
}

/** Writes what the conditions allow. */
export async function guarded(
  dcs: Pick<Dcs, "write">,
  write: DcsWrite,
  limits: DcsLimits,
): Promise<Guarded> {
  const result = await dcs.write(write, limits);
  return result.kind === "done" ? "written" : "conflict";
}

/** The write of one key that no session carries. */
export function put(
  { key, value }: { readonly key: string; readonly value: string },
  when: readonly DcsCondition[] = [],
): DcsWrite {
  return { when, edits: [{ kind: "put", key, value, session: null }] };
}
