/**
 * Which process listens at a unix socket, as the kernel knows it. What a process
 * says of itself is never enough to send a signal.
 *
 * Source: Linux manual pages proc_net(5), /proc/net/unix, and proc_pid_fd(5).
 */

import { isProcessId } from "../../core/base/process_id.ts";

/** The flag SO_ACCEPTCON: it listens, and is no connection of the listener. */
const LISTENS = 0x10000;

/**
 * Pid of the process that listens at `path`; null: nobody whom this user may
 * see, or more than one.
 */
export async function listenerAt(path: string): Promise<number | null> {
  const table = await Deno.readTextFile("/proc/net/unix");
  const [inode, ...others] = listeningInodes(table, path);
  if (inode === undefined || others.length > 0) return null;
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!isProcessId(pid)) continue;
    if (await hasOpen(pid, `socket:[${inode}]`)) return pid;
  }
  return null;
}

/**
 * Inodes of the sockets that listen at `path`, in the text of /proc/net/unix.
 * The kernel shows the name that a socket was bound to: a control socket is
 * bound with a number behind its path and then renamed.
 */
export function listeningInodes(
  table: string,
  path: string,
): readonly string[] {
  return table.split("\n").flatMap((line) => {
    // Num RefCount Protocol Flags Type St Inode Path
    const fields = line.split(" ").filter((field) => field !== "");
    const place = fields.slice(7).join(" ");
    const flags = Number.parseInt(fields[3] ?? "", 16);
    const isHere = place === path ||
      (place.startsWith(`${path}.`) &&
        /^[0-9]+$/.test(place.slice(path.length + 1)));
    const [inode] = fields.slice(6, 7);
    return isHere && (flags & LISTENS) !== 0 && inode !== undefined
      ? [inode]
      : [];
  });
}

async function hasOpen(pid: number, target: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const found = await Deno.readLink(`${folder}/${name}`).catch(() => null);
      if (found === target) return true;
    }
  } catch {
    // It is gone, or another user's.
  }
  return false;
}
