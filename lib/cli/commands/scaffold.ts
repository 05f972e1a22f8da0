/**
 * `configure` and `scaffold`, as manuals of old versions show them: a small
 * configuration for this program, and the first key of a cluster.
 */
import { parseDcsUrl } from "../dcs_url.ts";
import {
  type CommandDefinition,
  GROUP_OPTION,
  type OfflineCommand,
  REQUIRED_CLUSTER_ARGUMENT,
} from "../definition.ts";
import { CliError } from "../errors.ts";
import { promptText } from "../prompts.ts";
import { print, withCluster } from "../session.ts";
import { defaultConfigPath } from "../settings.ts";
import { toYaml } from "../../patroni/yaml_text.ts";

/** `configure`. */
export const CONFIGURE_COMMAND: OfflineCommand = {
  name: "configure",
  isOwn: true,
  summary: "Write a configuration for this program, from three questions",
  arguments: [],
  options: [
    {
      flags: ["--config-file", "-c"],
      value: "text",
      help: "The file to write",
    },
    {
      flags: ["--dcs", "-d"],
      value: "text",
      help: "Address of the DCS, for example etcd3://host:2379",
    },
    { flags: ["--namespace", "-n"], value: "text", help: "First part of keys" },
  ],
  runOffline: async (invocation, { context }) => {
    const ask = async (
      flag: string,
      question: string,
      fallback: string,
    ): Promise<string> =>
      invocation.text(flag) ?? await promptText(context, question, fallback);
    const path = await ask(
      "--config-file",
      "Configuration file",
      defaultConfigPath(context) ?? "",
    );
    if (path === "") throw new CliError("No configuration file was named");
    const address = await ask(
      "--dcs",
      "The DCS connect url",
      "etcd3://localhost:2379",
    );
    const namespace = await ask("--namespace", "The namespace", "/service/");
    const { kind, section } = parseDcsUrl(address);
    const text = toYaml({ [kind]: section, namespace });
    await context.files.writeText(path, `${text}\n`);
    context.terminal.write(`${path} was written\n`);
  },
};

/** `scaffold`. */
export const SCAFFOLD_COMMAND: CommandDefinition = {
  name: "scaffold",
  isOwn: true,
  summary: "Write a new cluster's first key",
  arguments: [REQUIRED_CLUSTER_ARGUMENT],
  options: [GROUP_OPTION, {
    flags: ["--sysid", "-s"],
    value: "text",
    help: "System identifier of the data directory to join",
  }],
  run: (invocation, session) =>
    withCluster(session, invocation, async (scope) => {
      const key = "initialize";
      const value = invocation.text("--sysid") ?? "";
      const result = await scope.write({
        when: [{ kind: "absent", key }],
        edits: [{ kind: "put", key, value, session: null }],
      });
      if (result.kind === "condition_failed") {
        throw new CliError("This cluster is already initialized");
      }
      print(session, `Cluster ${scope.name} has been created successfully`);
    }),
};
