/** Takes a server over: its roles while it still runs, and the end of whoever started it. */
import type { SetupFile } from "../../ports/setup.ts";
import { type DraftPlace, keepDraft } from "../carry_out.ts";
import type { DecidedDraft } from "../draft.ts";
import type { AdoptedServer } from "./adopted_server.ts";
import { rolesSql } from "./roles.ts";

/**
 * Makes the agents' roles, once.
 *
 * @throws {Error} One sentence, if the server does not take them.
 */
export async function makeRoles(
  place: DraftPlace,
  draft: DecidedDraft,
): Promise<void> {
  const { adopted } = draft;
  if (adopted === null || adopted.hasRoles) return;
  try {
    await place.host.servers.query(adopted, rolesSql(adopted));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Cannot make the agents' roles on ${adopted.dataDir}: ${why}. The ` +
        "server must run; call the same command again then",
      { cause },
    );
  }
  await keepDraft(place, { ...draft, adopted: { ...adopted, hasRoles: true } });
}

/**
 * Stops the server, so that the agent can start it; with little to write in its
 * last checkpoint.
 *
 * @throws {Error} One sentence, if it goes on.
 */
export async function stopServer(
  { host }: DraftPlace,
  { adopted }: DecidedDraft,
): Promise<void> {
  if (adopted === null) return;
  // One that has ended already needs none.
  await host.servers.query(adopted, "CHECKPOINT;").catch(() => "");
  try {
    await host.servers.stop(adopted);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Cannot stop the server on ${adopted.dataDir}: ${why}. Call the same ` +
        "command again when that is repaired: it goes on from here",
      { cause },
    );
  }
}

/** How the operator does it, where nothing is started. */
export function stopCommand(
  { unit, binDir, dataDir, user }: Omit<AdoptedServer, "hasRoles">,
): string {
  return unit === null
    ? `runuser -u ${user} -- ${binDir}/pg_ctl stop -m fast -D ${dataDir}`
    : `systemctl disable --now ${unit}`;
}

/** Debian's file by which nothing but the agent starts the server. Source: pg_createcluster(1), "start.conf". */
export function startFile(path: string): SetupFile {
  return {
    ...{ path, mode: 0o644, owner: null },
    text: "# matriarch.service runs this server, so that nothing else may.\n" +
      "disabled\n",
  };
}
