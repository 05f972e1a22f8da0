/**
 * The PostgreSQL servers of this host, by the kernel's list of processes: a
 * postmaster works in its data directory, where postmaster.pid names it.
 */
import { readFile, readlink, stat } from "node:fs/promises";
import type {
  PatroniProcess,
  RunningServer,
  ServerDoor,
  ServerEnd,
  SetupServers,
} from "../../ports/setup_servers.ts";
import { commandWords, processIds, programName } from "./listeners.ts";
import { systemctl } from "./systemctl.ts";
import { outputOf, userNamed } from "./users.ts";

/** A checkpoint may write for minutes; a stop waits for the last one. */
const RUN_MAX_MS = 600_000;
const ROOT = 0;

/** {@link SetupServers} of this host. */
export class HostServers implements SetupServers {
  async running(): Promise<readonly RunningServer[]> {
    const found: RunningServer[] = [];
    for (const { pid, words: [program = ""] } of await neighbours()) {
      // Of others than the postmasters most have no such program.
      if (!/(?:^|\/)(?:postgres|postmaster)$/.test(program)) continue;
      const server = await serverOf(pid);
      if (server !== null) found.push(server);
    }
    return found;
  }

  async patroni(): Promise<PatroniProcess | null> {
    for (const { pid, words } of await neighbours()) {
      if (await programName(pid) !== "patroni") continue;
      const configPath = words.findLast((word) => /\.ya?ml$/.test(word));
      return {
        ...{ pid, configPath: configPath ?? null },
        unit: await unitOf(pid),
      };
    }
    return null;
  }

  async query(door: ServerDoor, sql: string): Promise<string> {
    const { binDir, socketDir, port, user } = door;
    return await runAs(user, {
      command: `${binDir}/psql`,
      args: [
        ...["-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
        ...["-h", socketDir, "-p", String(port), "-U", user, "-d", "postgres"],
      ],
      input: sql,
    });
  }

  async stop({ pid, dataDir, binDir, user, unit }: ServerEnd): Promise<void> {
    if (unit !== null) return await systemctl("disable", "--now", unit);
    // The number may be of another server by now, which is not ours to stop.
    if (await pidIn(dataDir) !== pid || await serverOf(pid) === null) return;
    await runAs(user, {
      command: `${binDir}/pg_ctl`,
      args: ["stop", "-w", "-s", "-m", "fast", "-t", "590", "-D", dataDir],
      input: "",
    });
  }
}

/** Processes in this one's network: a container's are not this host's. */
async function neighbours(): Promise<
  readonly { readonly pid: number; readonly words: readonly string[] }[]
> {
  const networkOf = (pid: number | "self") =>
    readlink(`/proc/${pid}/ns/net`).catch(() => null);
  const own = await networkOf("self");
  const found: { pid: number; words: readonly string[] }[] = [];
  for (const pid of await processIds()) {
    const words = await commandWords(pid);
    if (words.length === 0) continue;
    const network = await networkOf(pid);
    if (network === null || network === own) found.push({ pid, words });
  }
  return found;
}

/** Null: the process is no postmaster, or has just ended. */
async function serverOf(pid: number): Promise<RunningServer | null> {
  const [dataDir, program] = await Promise.all(
    ["cwd", "exe"].map((name) =>
      readlink(`/proc/${pid}/${name}`).catch(() => null)
    ),
  );
  if (!dataDir || !program) return null;
  const lines = await pidFile(dataDir);
  if (Number(lines[0]) !== pid) return null;
  return {
    ...{ pid, dataDir, port: Number(lines[3]), socketDir: lines[4] ?? "" },
    // An update may have put another file there meanwhile.
    binDir: program.slice(0, program.lastIndexOf("/")),
    user: await userOf(pid),
    unit: await unitOf(pid),
    isFolderOwn: await ownerOf(`${dataDir}/..`) === await ownerOf(dataDir),
  };
}

/** Source: PostgreSQL 17 `pidfile.h`, LOCK_FILE_LINE_*. */
async function pidFile(dataDir: string): Promise<readonly string[]> {
  const text = await readFile(`${dataDir}/postmaster.pid`, "utf8")
    .catch(() => "");
  return text.split("\n").map((line) => line.trim());
}

async function pidIn(dataDir: string): Promise<number> {
  return Number((await pidFile(dataDir))[0]);
}

async function ownerOf(folder: string): Promise<number | null> {
  return await stat(folder).then(({ uid }) => uid, () => null);
}

/** The name of the process's user; its number if it has none. */
async function userOf(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1] ?? "";
  return await outputOf("id", ["-nu", uid]) ?? uid;
}

/**
 * Only a service whose main process it is: another one, such as cron's or a
 * supervisor's, runs more than this server.
 */
async function unitOf(pid: number): Promise<string | null> {
  const groups = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
  const unit = /\/([^/\n]+\.service)$/m.exec(groups)?.[1];
  if (unit === undefined) return null;
  const main = await outputOf("systemctl", [
    ...["show", "--property", "MainPID", "--value", "--", unit],
  ]);
  return Number(main) === pid ? unit : null;
}

interface Run {
  readonly command: string;
  readonly args: readonly string[];
  readonly input: string;
}

/** @throws {Error} With what the program says. */
async function runAs(user: string, run: Run): Promise<string> {
  const owner = Deno.uid() === ROOT ? await userNamed(user) : null;
  const child = new Deno.Command(run.command, {
    args: [...run.args],
    ...(owner === null ? {} : { uid: owner.uid, gid: owner.gid }),
    cwd: "/",
    clearEnv: true,
    env: environment(),
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
    signal: AbortSignal.timeout(RUN_MAX_MS),
  }).spawn();
  const [{ success, stdout, stderr }] = await Promise.all([
    child.output(),
    give(child.stdin, run.input),
  ]);
  const text = new TextDecoder();
  if (success) return text.decode(stdout).trim();
  throw new Error(text.decode(stderr).trim().split("\n")[0] || "it failed");
}

/** Who has a password for psql may give it as always. */
function environment(): Record<string, string> {
  const kept = ["PGPASSWORD", "PGPASSFILE"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return {
    ...{ PATH: "/usr/bin:/bin", LC_ALL: "C", PGCLIENTENCODING: "UTF8" },
    ...{ PGCONNECT_TIMEOUT: "10", PGAPPNAME: "matriarch init" },
    ...Object.fromEntries(kept),
  };
}

/** A program that has failed reads no more. */
async function give(
  stdin: WritableStream<Uint8Array>,
  input: string,
): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
}
