/**
 * A real systemd for one test: process 1 of namespaces of its own, with its own
 * branch of the host's control groups, its own /run and only the test's units.
 * The network and /tmp are the host's. Needs root and the package systemd.
 */
import assert from "node:assert/strict";
import { isAlive, signalTo } from "./own_processes.ts";

const PROGRAM = "/lib/systemd/systemd";
const LIMIT_MS = 20_000;

/** Why no systemd can be run here; null if one can. */
export function noSystemd(): string | null {
  if (Deno.uid() !== 0) return "only root can run a systemd of its own";
  try {
    Deno.statSync(PROGRAM);
    return null;
  } catch {
    return "the package systemd is not installed";
  }
}

/** A real systemd for one test. */
export class Systemd implements AsyncDisposable {
  readonly #outer: Deno.ChildProcess;
  readonly #cgroup: string;
  readonly #pid: number;

  private constructor(outer: Deno.ChildProcess, cgroup: string, pid: number) {
    this.#outer = outer;
    this.#cgroup = cgroup;
    this.#pid = pid;
  }

  /** @param directory Holds the units as `units/NAME`; systemd's log goes to `console` in it. */
  static async boot(directory: string): Promise<Systemd> {
    const cgroup = `${await unifiedRoot()}/matriarch-${crypto.randomUUID()}`;
    await Deno.mkdir(cgroup);
    await Deno.writeTextFile(`${directory}/console`, "");
    const outer = new Deno.Command("sh", {
      args: ["-c", OUTER, "sh", cgroup, directory, INNER],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const pid = await until("systemd is process 1", () => {
      const found = childOf(outer.pid);
      const isThere = found !== null &&
        Deno.readTextFileSync(`/proc/${found}/comm`).trim() === "systemd";
      return isThere ? found : null;
    });
    const systemd = new Systemd(outer, cgroup, pid);
    await until("systemd answers", async () => {
      const { text } = await systemd.control(["is-system-running"]);
      return /^(?:running|degraded)$/m.test(text) ? true : null;
    });
    return systemd;
  }

  /** `systemctl` inside. */
  async control(args: readonly string[]): Promise<{
    readonly code: number;
    readonly text: string;
  }> {
    return await this.inside(["systemctl", ...args]);
  }

  /** A program inside. */
  async inside(command: readonly string[]): Promise<{
    readonly code: number;
    readonly text: string;
  }> {
    const { code, stdout, stderr } = await new Deno.Command("nsenter", {
      args: ["-t", `${this.#pid}`, "-m", "-p", "-C", ...command],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  /** The same, which must succeed. */
  async must(...args: readonly string[]): Promise<string> {
    const { code, text } = await this.control(args);
    assert.equal(code, 0, `systemctl ${args.join(" ")}: ${text}`);
    return text.trim();
  }

  async property(unit: string, name: string): Promise<string> {
    return await this.must("show", "--value", "-p", name, unit);
  }

  /** The death of process 1 ends everything inside. */
  async [Symbol.asyncDispose](): Promise<void> {
    signalTo(this.#pid, "SIGKILL");
    await this.#outer.status;
    await until("everything inside is gone", () => {
      return isAlive(this.#pid) ? null : true;
    });
    await until("its control groups are removed", () => removed(this.#cgroup));
  }
}

/** Moves itself into its branch, which is the root of what the inside sees. */
const OUTER = `
echo $$ > "$1/cgroup.procs"
exec 2>>"$2/console" unshare --fork --kill-child --pid --mount --mount-proc --cgroup --ipc \\
  --uts --propagation private sh -c "$3" sh "$2"
`;

const INNER = `
set -e
mount -t tmpfs tmpfs /run
mkdir /run/units
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind "$1/console" /dev/console
export container=matriarch-test SYSTEMD_UNIT_PATH="$1/units"
exec ${PROGRAM} --system --unit=test.target --log-target=console \\
  --show-status=no </dev/null
`;

/** Where the host has version 2 of control groups. */
async function unifiedRoot(): Promise<string> {
  const mounts = await Deno.readTextFile("/proc/mounts");
  const line = mounts.split("\n").map((text) => text.split(" "))
    .find(([, , type]) => type === "cgroup2");
  return line?.[1] ?? assert.fail("this kernel has no cgroup2 mounted");
}

function childOf(pid: number): number | null {
  try {
    const path = `/proc/${pid}/task/${pid}/children`;
    const [child] = Deno.readTextFileSync(path).trim().split(" ");
    return child ? Number(child) : null;
  } catch {
    return null;
  }
}

/** Innermost first; the kernel refuses while a process is left. */
function removed(path: string): true | null {
  try {
    for (const { name, isDirectory } of Deno.readDirSync(path)) {
      if (isDirectory) removed(`${path}/${name}`);
    }
    Deno.removeSync(path);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? true : null;
  }
}

async function until<T>(
  what: string,
  look: () => T | null | Promise<T | null>,
): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() > deadline) assert.fail(`Never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
