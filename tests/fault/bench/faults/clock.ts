/** What can happen to a host's clock: a jump, and back when it is put right. */
import type { BenchMember } from "../member.ts";
import type { Undo } from "../undo.ts";

/** The wall clock of all the member's processes jumps by so many seconds. */
export async function jumpClock(
  member: BenchMember,
  seconds: number,
): Promise<Undo> {
  await member.setClock(seconds);
  return () => member.setClock(0);
}
