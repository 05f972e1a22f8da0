/**
 * What can happen to a member's two disks, which are small file systems in
 * memory: full, empty, slow.
 */
import { join } from "node:path";
import { signalTo } from "../../../helpers/own_processes.ts";
import type { FaultBench } from "../bench.ts";
import type { BenchMember } from "../member.ts";
import { shell, tryShell } from "../shell.ts";
import { nothingToUndo, type Undo } from "../undo.ts";
import { childrenOf, NothingToStrike } from "./processes.ts";

/** More than `max_wal_size` and `wal_keep_size` leave in reserve, less than the disk takes. */
const SEGMENTS = 12;
const SLOW_FSYNC = "300ms";

/** Nothing more can be written there. */
export async function fillDisk(directory: string): Promise<Undo> {
  const file = join(directory, "ballast");
  await new Deno.Command("dd", {
    args: ["if=/dev/zero", `of=${file}`, "bs=64k", "status=none"],
    stderr: "null",
  }).output();
  // Another fault may have emptied the disk.
  return () => Deno.remove(file).catch(ignoreMissing);
}

/** No WAL can be written there; the segments that it had in reserve are used up first. */
export async function fillWalDisk(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  const undo = await fillDisk(member.walDisk);
  const useUp =
    "SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal() " +
    `FROM generate_series(1, ${SEGMENTS})`;
  for (const one of bench.members) {
    // A replica refuses, and a primary whose disk is full does not survive it.
    await one.sql(useUp).catch(() => {});
  }
  return undo;
}

/** Everything on both disks is deleted under the running server. */
export async function removeData(member: BenchMember): Promise<Undo> {
  const places = [member.dataDisk, member.walDisk];
  // The server deletes files as well.
  await tryShell(["find", ...places, "-mindepth", "1", "-delete"]);
  return nothingToUndo;
}

/**
 * The next start hangs: the segment that recovery begins with is a pipe that
 * nobody writes to. The running server has the file open and goes on.
 */
export async function blockRecovery(member: BenchMember): Promise<Undo> {
  const [row] = await member.sql(
    "SELECT redo_wal_file FROM pg_control_checkpoint()",
  );
  const path = join(member.walDisk, "pg_wal", String(row?.["redo_wal_file"]));
  await Deno.rename(path, `${path}.aside`);
  await shell(["mkfifo", "--mode=0666", path]);
  return async () => {
    // With a writer, whoever waits in open() goes on; without one it reads the end.
    using _pipe = await Deno.open(path, { read: true, write: true });
    await Deno.rename(`${path}.aside`, path);
  };
}

/** Each fsync of the server takes a third of a second longer. */
export async function slowFsync(member: BenchMember): Promise<Undo> {
  const postmaster = member.postmasterPid();
  if (postmaster === null) {
    throw new NothingToStrike(`${member.name} has no postmaster`);
  }
  const pids = [postmaster, ...await childrenOf(postmaster)];
  const calls = "fsync,fdatasync,sync_file_range,msync";
  const child = new Deno.Command("strace", {
    args: [
      ...["-f", "-q", "-o", "/dev/null", "-e", `trace=${calls}`],
      ...["-e", `inject=${calls}:delay_enter=${SLOW_FSYNC}`],
      ...pids.flatMap((pid) => ["-p", String(pid)]),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return async () => {
    signalTo(child.pid, "SIGTERM");
    await child.status;
  };
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
