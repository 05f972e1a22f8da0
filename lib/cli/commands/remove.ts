/** `remove`: the cluster's keys leave the DCS. Only people may ask for it. */
import {
  type CommandDefinition,
  FORMAT_OPTION,
  GROUP_OPTION,
  REQUIRED_CLUSTER_ARGUMENT,
} from "../definition.ts";
import { storeCaution } from "../../config/stores/all.ts";
import { clusterReport } from "../cluster_report.ts";
import { CliError } from "../errors.ts";
import { outputFormat } from "../output.ts";
import { promptRequired } from "../prompts.ts";
import { type Scope, type Session, withCluster } from "../session.ts";

const AWARE = "Yes I am aware";

/** `remove`. */
export const REMOVE_COMMAND: CommandDefinition = {
  name: "remove",
  summary: "Remove all of a cluster's keys from the DCS",
  arguments: [REQUIRED_CLUSTER_ARGUMENT],
  options: [GROUP_OPTION, FORMAT_OPTION],
  run: (invocation, session) => {
    const isCitus = session.settings.citusGroup !== null;
    if (isCitus && !invocation.has("--group")) {
      throw new CliError("For Citus clusters the --group must me specified");
    }
    const format = outputFormat(invocation.text("--format"));
    return withCluster(session, invocation, async (scope) => {
      const view = await scope.read();
      session.context.terminal.write(clusterReport(view, {
        cluster: scope.name,
        group: scope.group,
        format,
        isExtended: false,
        caution: storeCaution(session.settings.dcs),
        witnesses: [],
      }));
      await confirmRemoval(session, scope, view.leader?.name ?? null);
      await scope.removeAll();
    });
  },
};

async function confirmRemoval(
  { context }: Session,
  { name }: Scope,
  leader: string | null,
): Promise<void> {
  const cluster = await promptRequired(
    context,
    "Please confirm the cluster name to remove",
  );
  if (cluster !== name) {
    throw new CliError("Cluster names specified do not match");
  }
  const answer = await promptRequired(
    context,
    `You are about to remove all information in DCS for ${name}, ` +
      `please type: "${AWARE}"`,
  );
  if (answer !== AWARE) {
    throw new CliError(`You did not exactly type "${AWARE}"`);
  }
  if (leader === null) return;
  const confirmed = await promptRequired(
    context,
    "This cluster currently is healthy. " +
      "Please specify the leader name to continue",
  );
  if (confirmed === leader) return;
  throw new CliError("You did not specify the current leader of the cluster");
}
