/** `pause` and `resume`: automatic changes off and on again. */
import { isPausedIn } from "../../core/calc/documents/cluster_document.ts";
import {
  CLUSTER_ARGUMENT,
  GROUP_OPTION,
  type OnlineCommand,
} from "../definition.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { isKnown, type Mode, patchAnyMember } from "../pause_mode.ts";
import { print, type Session, withCluster } from "../session.ts";

/** `pause`. */
export const PAUSE_COMMAND: OnlineCommand = {
  name: "pause",
  summary: "Turn automatic changes off (maintenance mode)",
  arguments: [CLUSTER_ARGUMENT],
  options: [GROUP_OPTION, {
    flags: ["--wait"],
    value: "none",
    help: "Wait until every member knows it",
  }],
  run: (invocation, session) => changeMode("pause", invocation, session),
};

/** `resume`. */
export const RESUME_COMMAND: OnlineCommand = {
  ...PAUSE_COMMAND,
  name: "resume",
  summary: "Turn automatic changes on again",
  run: (invocation, session) => changeMode("resume", invocation, session),
};

async function changeMode(
  mode: Mode,
  invocation: Invocation,
  session: Session,
): Promise<void> {
  await withCluster(session, invocation, async (scope) => {
    const view = await scope.read();
    const isPaused = isPausedIn(view.config?.document ?? {});
    if (isPaused === (mode === "pause")) {
      const state = isPaused ? "already paused" : "not paused";
      throw new CliError(`Cluster is ${state}`);
    }
    const reply = await patchAnyMember(mode, session, view);
    if (reply.status !== 200) {
      print(
        session,
        `Failed: ${mode} cluster management status code=${reply.status}, ` +
          `(${reply.body})`,
      );
      return;
    }
    if (invocation.has("--wait") && !await isKnown(mode, session, scope)) {
      return;
    }
    const result = mode === "pause" ? "paused" : "resumed";
    print(session, `Success: cluster management is ${result}`);
  });
}
