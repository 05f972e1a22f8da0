/**
 * Starts programs on a host of the network, as the user that PostgreSQL's
 * packages made: agents with the one capability that addresses need, as a
 * service manager would give it.
 */
import { REPOSITORY } from "./deno.ts";
import type { Host } from "./network.ts";

/** Nobody is root on the hosts. */
export const USER = "postgres";

/** What to start. */
export interface Launch {
  readonly host: Host;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it writes is appended there. */
  readonly log: string;
  /** May change addresses and send ARP. */
  readonly mayCarryAddresses: boolean;
}

const CAPABILITIES = "+net_admin,+net_raw";

/** Starts the program; each word in front replaces itself by the next, so the child's process id is the program's. */
export function launch(what: Launch): Deno.ChildProcess {
  const capabilities = what.mayCarryAddresses
    ? [`--inh-caps=${CAPABILITIES}`, `--ambient-caps=${CAPABILITIES}`]
    : [];
  return new Deno.Command("ip", {
    args: [
      ...["netns", "exec", what.host.namespace, "setpriv"],
      ...[`--reuid=${USER}`, `--regid=${USER}`, "--init-groups"],
      ...capabilities,
      ...["sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh"],
      ...[what.log, ...what.command],
    ],
    cwd: REPOSITORY,
    env: { ...what.env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}
