/** pgBackRest with its repository in the cluster's directory. */
import { join } from "node:path";
import type { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { type BackupTool, type Program, shell } from "./backup_tool.ts";

/** What its test needs. */
export const PGBACKREST: readonly Program[] = [["pgbackrest", "pgbackrest"]];

/** Sets it up. */
export async function pgBackRest(
  { directory }: AgentCluster,
): Promise<BackupTool> {
  const place = join(directory, "pgbackrest");
  await Deno.mkdir(place);
  const config = join(place, "pgbackrest.conf");
  await Deno.writeTextFile(
    config,
    [
      "[global]",
      ...[`repo1-path=${place}/repo`, `lock-path=${place}/lock`],
      ...[`spool-path=${place}/spool`, "log-level-file=off"],
      ...["log-level-console=warn", "start-fast=y", "compress-level=1"],
      "",
    ].join("\n"),
  );
  const call = ({ dataDir }: AgentMember): string =>
    `pgbackrest --config=${config} --stanza=demo --pg1-path=${dataDir}`;
  return {
    name: "pgbackrest",
    environment: {},
    recoveryConf: {},
    archiveCommand: (member) => `${call(member)} archive-push %p`,
    backUp: async (leader) => {
      const { directory: sockets, postgresPort } = leader.place;
      const server = `--pg1-socket-path=${sockets} --pg1-port=${postgresPort}`;
      await shell(`${call(leader)} ${server} stanza-create`);
      await shell(`${call(leader)} ${server} backup`);
    },
    collectWal: () => Promise.resolve(),
    restore: async (member, target) => {
      const words = target === null ? [] : [
        ...["--type=time", `"--target=${target.time}"`],
        ...[`--target-action=${target.action}`, "--target-timeline=1"],
        `--set=${await onlyBackup(call(member))}`,
      ];
      return [call(member), ...words, "restore"].join(" ");
    },
  };
}

/** By its time alone a target in the second of the backup would find none. */
async function onlyBackup(call: string): Promise<string> {
  const command = call.replace(/ --pg1-path=\S+/, "");
  const [stanza] = JSON.parse(await shell(`${command} --output=json info`));
  return stanza.backup[0].label;
}
