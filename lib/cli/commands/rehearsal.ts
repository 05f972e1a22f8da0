/** `switchover --dry-run`: what a switchover would come to. Reads only. */
import { visible } from "../../core/base/visible.ts";
import { rehearsal } from "../../core/rehearsal.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { askMembers } from "../peer_answers.ts";
import { settingsOf } from "../replies.ts";
import { print, type Session, showTable, withCluster } from "../session.ts";

/**
 * Prints who would take over and why not the others.
 *
 * @throws {CliError} If nobody could.
 */
export async function rehearseSwitchover(
  invocation: Invocation,
  session: Session,
): Promise<void> {
  await withCluster(session, invocation, async (scope) => {
    const view = await scope.read();
    const leader = view.leader?.name ?? null;
    if (leader === null) throw new CliError("This cluster has no leader");
    const given = invocation.text("--leader") ?? leader;
    if (given !== leader) {
      throw new CliError(
        `Member ${given} is not the leader of cluster ${scope.name}`,
      );
    }
    const candidate = invocation.text("--candidate") || null;
    if (candidate === null && settingsOf(view).isPaused) {
      throw new CliError(
        "Switchover is possible only to a specific candidate in a paused state",
      );
    }
    print(session, "Current cluster topology");
    showTable(session, scope, view);
    const answers = await askMembers(session, view);
    const asked = { leader, candidate };
    const facts = { view, answers, asked };
    const { winners, lines } = rehearsal(facts);
    for (const line of lines) print(session, visible(line));
    if (winners.length > 0) {
      print(session, "Nothing was changed (dry run)");
      return;
    }
    throw new CliError("Nobody could take over, the switchover would fail");
  });
}
