/** `show-config`: the dynamic configuration as YAML. */
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  GROUP_OPTION,
} from "../definition.ts";
import { clusterName, printBlock, withScope } from "../session.ts";
import { toYaml } from "../../patroni/yaml_text.ts";

/** `show-config`. */
export const SHOW_CONFIG_COMMAND: CommandDefinition = {
  name: "show-config",
  summary: "Show the dynamic configuration of a cluster",
  arguments: [CLUSTER_ARGUMENT],
  options: [GROUP_OPTION],
  run: async (invocation, session) => {
    const name = clusterName(session, invocation.positionals[0]);
    const group = invocation.number("--group") ?? session.settings.citusGroup;
    const view = await withScope(
      session,
      { name, group },
      (scope) => scope.read(),
    );
    const document = view.config?.document ?? null;
    if (document !== null) printBlock(session, toYaml(document));
  },
};
