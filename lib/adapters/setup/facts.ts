/** Looks at this host: what `init`, `join` and `doctor` judge. Changes nothing. */
import {
  access,
  constants,
  readdir,
  readlink,
  stat,
  statfs,
} from "node:fs/promises";
import type {
  DataDirectoryFacts,
  HostFacts,
  HostQuestion,
  PostgresPrograms,
} from "../../ports/setup.ts";
import { outputOf, userNamed } from "./users.ts";
import {
  commandWords,
  portHolders,
  processIds,
  programName,
} from "./listeners.ts";

/** All that a member may call. */
const PROGRAMS = [
  ...["postgres", "initdb", "pg_ctl", "pg_controldata", "pg_basebackup"],
  ...["pg_rewind", "pg_isready"],
] as const;

const SEARCHED = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
/** Two of them on one PostgreSQL destroy it. */
const MANAGERS: ReadonlySet<string> = new Set([
  "patroni",
  "repmgrd",
  "pg_autoctl",
]);

/** The facts, as they are now. */
export async function lookAround(question: HostQuestion): Promise<HostFacts> {
  const { user, dataDir, storeDir, pgBin, ports } = question;
  const [owner, postgres, dataDirectory, taken, freeBytes, managers] =
    await Promise.all([
      userNamed(user),
      postgresPrograms(pgBin),
      dataDirectoryAt(dataDir),
      portHolders(ports),
      freeBytesAt(dataDir),
      otherManagers(),
    ]);
  const store = await dataDirectoryAt(storeDir ?? "");
  return {
    hostName: Deno.hostname().split(".")[0] ?? "",
    isRoot: Deno.uid() === 0,
    user: owner,
    addresses: Deno.networkInterfaces().map(({ name, address }) => ({
      address,
      interface: name,
    })),
    storeDirectory: store.kind === "postgres" ? "other" : store.kind,
    ...{ postgres, dataDirectory, taken, freeBytes, managers },
    hasSystemd: await isThere("/run/systemd/system"),
    isClockKept: await isClockKept(),
    hasWatchdog: await isThere("/dev/watchdog"),
    missingVipPrograms: await missingOf(["ip", "arping"], SEARCHED),
  };
}

async function postgresPrograms(
  pgBin: string | null,
): Promise<readonly PostgresPrograms[]> {
  const folders = pgBin === null ? await usualFolders() : [pgBin];
  const found = await Promise.all(folders.map(async (folder) => {
    const missing = await missingOf(PROGRAMS, [folder]);
    if (missing.length === PROGRAMS.length) return null;
    const text = await outputOf(`${folder}/postgres`, ["--version"]);
    const major = /(\d+)(?:\.\d+|devel|beta\d+|rc\d+)?/.exec(text ?? "")?.[1];
    return {
      ...{ folder, missing },
      major: major === undefined ? null : Number(major),
    };
  }));
  return found.filter((each) => each !== null);
}

/** Where Debian, Red Hat and PostgreSQL's own build put their programs. */
async function usualFolders(): Promise<readonly string[]> {
  const debian = await readdir("/usr/lib/postgresql").catch(() => []);
  const redHat = (await readdir("/usr").catch(() => []))
    .filter((name) => name.startsWith("pgsql-"));
  return [
    ...debian.map((version) => `/usr/lib/postgresql/${version}/bin`),
    ...redHat.map((name) => `/usr/${name}/bin`),
    "/usr/local/pgsql/bin",
    "/usr/bin",
  ];
}

async function missingOf(
  programs: readonly string[],
  folders: readonly string[],
): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const program of programs) {
    const found = await Promise.all(
      folders.map((folder) => isProgram(`${folder}/${program}`)),
    );
    if (!found.includes(true)) missing.push(program);
  }
  return missing;
}

async function dataDirectoryAt(path: string): Promise<DataDirectoryFacts> {
  const names = await readdir(path).catch((error) =>
    error.code === "ENOENT" ? null : [""]
  );
  if (names === null) return { kind: "absent" };
  const own = names.filter((name) =>
    name !== "lost+found" && !/^\.[^/]/.test(name)
  );
  if (own.length === 0) return { kind: "empty" };
  if (!own.includes("PG_VERSION")) return { kind: "other" };
  const pid = await Deno.readTextFile(`${path}/postmaster.pid`)
    .then((text) => text.split("\n")[0] ?? "").catch(() => "");
  const isRunning = /^\d+$/.test(pid) && await isThere(`/proc/${pid}`);
  return { kind: "postgres", isRunning };
}

/** Of the file system that the folder is on, or will be. */
async function freeBytesAt(path: string): Promise<number | null> {
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const found = await statfs(at).catch(() => null);
    if (found !== null) return found.bavail * found.bsize;
  }
  return null;
}

/** Only where this process's network is: a container's neighbours are not this host's. */
async function otherManagers(): Promise<readonly string[]> {
  const own = await readlink("/proc/self/ns/net").catch(() => null);
  const found: string[] = [];
  for (const pid of await processIds()) {
    if ((await commandWords(pid)).length === 0) continue;
    const name = await programName(pid);
    if (!MANAGERS.has(name)) continue;
    const network = await readlink(`/proc/${pid}/ns/net`).catch(() => own);
    if (network === own) found.push(`${name} (process ${pid})`);
  }
  return found;
}

/** Null: there is no systemd to ask, and no known program. */
async function isClockKept(): Promise<boolean | null> {
  if (await isThere("/run/systemd/timesync/synchronized")) return true;
  for (const pid of await processIds()) {
    const name = await programName(pid);
    if (name === "chronyd" || name === "ntpd") return true;
  }
  return await isThere("/run/systemd/system") ? false : null;
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false);
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** What a program prints; null: there is none, or it fails. */
