/**
 * Docker's engine for one test: in namespaces of its own for processes, mounts
 * and network, so that the machine's firewall and its other containers notice
 * nothing, and all of it ends with one process, also if the test is killed.
 */
import { fileURLToPath } from "node:url";
import { COMPOSE, ENGINE, hasEngine } from "../../scripts/containers/engine.ts";
import { untilIt } from "../helpers/wait.ts";

const START_MS = 60_000;
/** A build, or a compose call that waits for a cluster. */
const CALL_MS = 300_000;
/** Its bridge has addresses that only its own network sees. */
const BRIDGE = "10.99.88.1/24";
/** Without CAP_SYS_RESOURCE the engine's own default cannot be set. */
const FILES = "nofile=1024:4096";

/**
 * $0: its folder. $1: the group of its processes. The rest is dockerd's call.
 * Ends all of it, and clears away, when standard input does: the kernel closes
 * that when whoever started this has gone, however that was.
 */
const GUARD = `
group=$1; shift
exec 3<&0 </dev/null
unshare --net --mount --propagation private --pid --fork --mount-proc \
  --kill-child sh -c 'ip link set lo up; exec "$@"' sh "$@" >>"$0/log" 2>&1 3<&- &
child=$!
echo $child
cat <&3 >/dev/null
kill -9 $child
wait $child 2>/dev/null
# The last of its processes may still be ending.
for look in 1 2 3 4 5 6 7 8 9; do
  find /sys/fs/cgroup/*/"$group" /sys/fs/cgroup/"$group" -depth -type d \
    -exec rmdir {} + 2>/dev/null
  set -- /sys/fs/cgroup/*/"$group"
  [ -d "$1" ] || [ -d "/sys/fs/cgroup/$group" ] || break
  sleep 0.5
done
rm -rf --one-file-system "$0"
`;

/** Why there can be no engine here; null: there can. */
export function engineSkipReason(): string | null {
  if (Deno.env.get("MATRIARCH_CONTAINERS") === "required") return null;
  if (Deno.uid() !== 0) return "only root can run Docker's engine";
  return hasEngine()
    ? null
    : "Docker's engine is not there: deno task test:containers unpacks it";
}

/** What a call said. */
export interface Said {
  readonly code: number;
  /** Both streams. */
  readonly text: string;
}

/** A running engine. */
export class DockerEngine implements AsyncDisposable {
  readonly #folder: string;
  readonly #guard: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #unshared: number;

  private constructor(parts: {
    readonly folder: string;
    readonly guard: Deno.ChildProcess;
    readonly unshared: number;
  }) {
    this.#folder = parts.folder;
    this.#guard = parts.guard;
    this.#unshared = parts.unshared;
    this.#input = parts.guard.stdin.getWriter();
  }

  /** Starts one, and waits until it answers. */
  static async start(): Promise<DockerEngine> {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-engine-" });
    const group = folder.slice(folder.lastIndexOf("/") + 1);
    const guard = new Deno.Command("sh", {
      args: [
        ...["-c", GUARD, folder, group, "dockerd"],
        ...["--data-root", `${folder}/data`, "--exec-root", `${folder}/exec`],
        ...["--host", `unix://${folder}/sock`, "--pidfile", `${folder}/pid`],
        ...["--bip", BRIDGE, "--default-ulimit", FILES],
        ...["--cgroup-parent", `/${group}`],
      ],
      env: await environment(folder),
      ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
    }).spawn();
    const unshared = await firstNumber(guard.stdout);
    const engine = new DockerEngine({ folder, guard, unshared });
    try {
      await untilIt(
        "the engine answers",
        async () => (await engine.docker("version")).code === 0,
        {
          limitMs: START_MS,
          report: () => Deno.readTextFile(`${folder}/log`),
        },
      );
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The command line of the engine. */
  async docker(...args: readonly string[]): Promise<Said> {
    return await this.#call(`${ENGINE}/usr/bin/docker`, args);
  }

  /** The same of compose, in the checkout. */
  async compose(...args: readonly string[]): Promise<Said> {
    return await this.#call(COMPOSE, args);
  }

  /** A program beside the engine, where the ports are that containers publish. */
  async beside(
    [command = "", ...args]: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Said> {
    const [inside] = await childrenOf(this.#unshared);
    return await this.#call("nsenter", [
      ...["--net", "--target", String(inside), command, ...args],
    ], env);
  }

  async #call(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Said> {
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      cwd: fileURLToPath(new URL("../../", import.meta.url)),
      // The builder of old needs nothing that is not in the engine's package.
      env: {
        ...{ DOCKER_HOST: `unix://${this.#folder}/sock`, DOCKER_BUILDKIT: "0" },
        ...{ HOME: this.#folder, COMPOSE_ANSI: "never", ...env },
      },
      stdin: "null",
      signal: AbortSignal.timeout(CALL_MS),
    }).output();
    const text = new TextDecoder();
    return { code, text: text.decode(stdout) + text.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#guard.status;
    await this.#guard.stdout.cancel();
  }
}

/** iptables under the names that the engine calls, and its libraries. */
async function environment(folder: string): Promise<Record<string, string>> {
  const bin = `${folder}/bin`;
  await Deno.mkdir(bin);
  for (const name of ["iptables", "ip6tables"]) {
    await Deno.symlink(
      `${ENGINE}/usr/sbin/xtables-nft-multi`,
      `${bin}/${name}`,
    );
  }
  const libraries = `${ENGINE}/usr/lib/${Deno.build.arch}-linux-gnu`;
  return {
    PATH:
      `${bin}:${ENGINE}/usr/bin:${ENGINE}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin`,
    XTABLES_LIBDIR: `${libraries}/xtables`,
    LD_LIBRARY_PATH: libraries,
  };
}

/** The first line, which is a process id. */
async function firstNumber(
  stream: ReadableStream<Uint8Array>,
): Promise<number> {
  const reader = stream.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error("The engine's guard has ended");
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return Number(text.trim());
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const text = await Deno.readTextFile(path);
  return text.trim().split(" ").map(Number);
}
