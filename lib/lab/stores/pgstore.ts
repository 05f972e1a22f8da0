/** A PostgreSQL server of its own, which is none of the lab's members. */
import { startServer } from "./server.ts";
import type { LabStore, RunningStore, StorePlan } from "./store.ts";

interface Server {
  readonly directory: string;
  readonly port: number;
  readonly binDir: string;
  readonly password: string;
}

/** `--dcs pgstore`. */
export const PGSTORE: LabStore = {
  name: "pgstore",
  what: "one more PostgreSQL server",
  // The members' own package.
  needs: [],
  plan: ({ directory, firstPort: port, binDir, password }): StorePlan => {
    const server = {
      directory: `${directory}/pgstore`,
      ...{ port, binDir, password },
    };
    return {
      section: {
        pgstore: {
          hosts: `127.0.0.1:${port}`,
          username: "postgres",
          password,
        },
      },
      ports: [{ port, use: "the store's PostgreSQL" }],
      start: () => start(server),
    };
  },
};

async function start(server: Server): Promise<RunningStore> {
  const { directory, binDir, port } = server;
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  await initialize(server);
  return await startServer({
    command: `${binDir}/postgres`,
    args: [
      ...["-D", `${directory}/data`, "-p", `${port}`],
      ...["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=50"],
      ...["-c", "shared_buffers=16MB"],
      ...["-c", `unix_socket_directories=${directory}`],
    ],
    directory,
    what: `the store's PostgreSQL on port ${port}`,
    isReady: () => isReady(server),
  });
}

/** A lab may be started again on the data that it left. */
async function initialize(
  { directory, binDir, password }: Server,
): Promise<void> {
  const data = `${directory}/data`;
  const isThere = await Deno.stat(`${data}/PG_VERSION`)
    .then(() => true, () => false);
  if (isThere) return;
  const passwordFile = `${directory}/password`;
  await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
  const { success, stderr } = await new Deno.Command(`${binDir}/initdb`, {
    args: [
      ...["-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C"],
      ...["-A", "scram-sha-256", `--pwfile=${passwordFile}`],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  await Deno.remove(passwordFile);
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

async function isReady({ binDir, port }: Server): Promise<true | null> {
  const { success } = await new Deno.Command(`${binDir}/pg_isready`, {
    args: ["-q", "-h", "127.0.0.1", "-p", `${port}`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return success ? true : null;
}
