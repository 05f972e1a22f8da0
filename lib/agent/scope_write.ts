/** One guarded write of a key of the scope, as the agent's stores make it. */
import type { Revision } from "../core/base/units.ts";
import type { Dcs, DcsGuard, DcsLimits } from "../ports/dcs.ts";

/** Whether a guarded write took place. */
export type Guarded = "written" | "conflict";

/** Whatever the key holds is replaced. */
export const NO_GUARD: DcsGuard = { kind: "none" };

/** The key is as it was seen; null: however it is. */
export function guardOf(expected: Revision | null): DcsGuard {
  return expected === null
    ? NO_GUARD
    : { kind: "revision_is", revision: expected };
}

/** Writes a key that no lease carries. */
export async function put(
  dcs: Pick<Dcs, "write">,
  entry: { readonly key: string; readonly value: string },
  options: { readonly guard: DcsGuard; readonly limits: DcsLimits },
): Promise<Guarded> {
  const { guard, limits } = options;
  const result = await dcs.write(
    { kind: "put", ...entry, leaseId: null, guard },
    limits,
  );
  return result.kind === "done" ? "written" : "conflict";
}
