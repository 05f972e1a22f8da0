/**
 * Barman with its files in the cluster's directory. The tests have no SSH: a
 * program of that name runs here what Barman's programs want to run there.
 */
import { join } from "node:path";
import type { AgentCluster } from "../helpers/agent_cluster.ts";
import { PASSWORDS } from "../helpers/agent_member.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { type BackupTool, type Program, script, shell } from "./backup_tool.ts";

/** What its test needs. */
export const BARMAN: readonly Program[] = [
  ["barman", "barman"],
  ["barman-wal-restore", "barman-cli"],
];

/** As `ssh [-q] [-T] user@host COMMAND`. */
const SSH = `while [ "$1" != db@backup ]; do shift; done
shift
exec sh -c "$*"`;

const PASSWORD_LINES = Object.entries(PASSWORDS)
  .map(([user, password]) => {
    const escaped = password.replace(/[\\:]/g, "\\$&");
    return `*:*:*:${user}:${escaped}\n`;
  }).join("");

/** Sets it up. */
export async function barman(cluster: AgentCluster): Promise<BackupTool> {
  const place = join(cluster.directory, "barman");
  await Deno.mkdir(join(place, "bin"), { recursive: true });
  const incoming = join(place, "home", "main", "incoming");
  await Deno.mkdir(incoming, { recursive: true });
  await script(join(place, "bin", "ssh"), SSH);
  const config = join(place, "barman.conf");
  const call = `barman -c ${config}`;
  const environment = { PATH: `${place}/bin:${Deno.env.get("PATH")}` };
  const withPasswords = { ...environment, PGPASSFILE: `${place}/pgpass` };
  return {
    name: "barman",
    environment,
    recoveryConf: {
      restore_command:
        `barman-wal-restore -U db -c ${config} backup main %f %p`,
    },
    archiveCommand: () =>
      `cp %p ${incoming}/%f.part && ` +
      `mv ${incoming}/%f.part ${incoming}/%f`,
    backUp: async ({ place: { postgresPort } }) => {
      await Deno.writeTextFile(config, settings(place, postgresPort));
      await Deno.writeTextFile(`${place}/pgpass`, PASSWORD_LINES, {
        mode: 0o600,
      });
      // It takes no backup before it has got some WAL.
      for (
        const step of [
          "switch-wal --force --archive main",
          "check main",
          "backup --wait main",
        ]
      ) await shell(`${call} ${step}`, withPasswords);
    },
    collectWal: async () => {
      await shell(`${call} archive-wal main`, environment);
    },
    restore: ({ dataDir }, target) => {
      const words = target === null ? [] : [
        ...["--target-time", `"${target.time}"`],
        ...["--target-action", target.action, "--target-tli", "1"],
      ];
      return Promise.resolve(
        [call, "recover", ...words, "main", "latest", dataDir].join(" "),
      );
    },
  };
}

function settings(place: string, port: number): string {
  const server = `host=127.0.0.1 port=${port} dbname=postgres`;
  return [
    "[barman]",
    ...[`barman_home = ${place}/home`, "barman_user = postgres"],
    ...[`log_file = ${place}/barman.log`, "log_level = INFO"],
    "[main]",
    "description = the cluster under test",
    `conninfo = ${server} user=postgres`,
    `streaming_conninfo = ${server} user=replicator`,
    ...["backup_method = postgres", "archiver = on"],
    ...["immediate_checkpoint = true", `path_prefix = ${BIN_DIR}`],
    "",
  ].join("\n");
}
