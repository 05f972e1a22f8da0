/**
 * Who listens at a TCP port of this host, by the kernel's own lists: also at
 * addresses that this program could not connect to.
 *
 * Source: proc(5), /proc/net/tcp and /proc/PID/fd.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import type { PortHolder } from "../../ports/setup.ts";

const LISTEN = "0A";

/** A listening socket. */
export interface Listening {
  readonly port: number;
  readonly inode: string;
}

/** Those of the ports that are taken, by whom. */
export async function portHolders(
  ports: readonly number[],
): Promise<readonly PortHolder[]> {
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) =>
      readFile(path, "utf8").catch(() => "")
    ),
  );
  const taken = tables.flatMap(listeningIn)
    .filter(({ port }) => ports.includes(port));
  if (taken.length === 0) return [];
  const owners = await ownersOf(new Set(taken.map(({ inode }) => inode)));
  const byPort = new Map<number, string | null>();
  for (const { port, inode } of taken) {
    byPort.set(port, byPort.get(port) ?? owners.get(inode) ?? null);
  }
  return [...byPort].map(([port, program]) => ({ port, program }))
    .toSorted((a, b) => a.port - b.port);
}

/** The listening sockets of one of the kernel's tables. */
export function listeningIn(table: string): readonly Listening[] {
  return table.split("\n").slice(1).flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, local = "", , state] = fields;
    const port = Number.parseInt(local.split(":")[1] ?? "", 16);
    const inode = fields[9];
    return state === LISTEN && inode !== undefined && Number.isInteger(port)
      ? [{ port, inode }]
      : [];
  });
}

/** `NAME (process PID)` by the inodes of sockets. */
async function ownersOf(
  inodes: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const pid of await processIds()) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`)
        .catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      // Of a parent and its children, which inherit it, the parent is older.
      if (found.has(inode)) continue;
      found.set(inode, `${await programName(pid)} (process ${pid})`);
    }
  }
  return found;
}

/** All processes, oldest first. */
export async function processIds(): Promise<readonly number[]> {
  const names = await readdir("/proc").catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number)
    .toSorted((a, b) => a - b);
}

/** The words that a process was started with; empty: it is gone, or the kernel's. */
export async function commandWords(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.split("\0").filter((word) => word !== "");
}

/** The program's name; of a script the script's. */
export async function programName(pid: number): Promise<string> {
  const [program = "", script = ""] = await commandWords(pid);
  const name = baseName(program);
  const isInterpreter = /^(?:python|perl|ruby|node|bash|sh)[\d.]*$/.test(name);
  return isInterpreter && script !== "" ? baseName(script) : name;
}

function baseName(path: string): string {
  // PostgreSQL's processes change their title: `postgres: walwriter`.
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.split(/[:\s]/)[0] || "a program";
}
