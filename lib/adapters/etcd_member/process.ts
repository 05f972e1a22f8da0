/**
 * The process of a managed etcd. It has a session of its own and belongs to
 * nobody: an agent that ends leaves it running, and the next one adopts it by the
 * file that the process itself wrote before it became etcd.
 */
import type { EtcdStart } from "../../core/model/etcd_member.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EtcdProcess } from "../../ports/etcd_member.ts";
import { etcdArguments, otherWords } from "./command_line.ts";
import { keepLogSmall, lastReason } from "./log_file.ts";
import type { EtcdMemberSettings } from "../../core/model/etcd_member.ts";
import type { FindPrograms } from "./options.ts";
import { dataPath, logPath, pidPath } from "./paths.ts";
import { portTaken } from "./port_owner.ts";
import {
  bootId,
  isProcess,
  type ProcessMark,
  wordsOf,
} from "./process_mark.ts";

/** In order it gives the lead of etcd away first. */
const STOP_MS = 10_000;
const KILL_MS = 5_000;
const LOOK_MS = 50;

/**
 * Notes who it is, then becomes etcd: so no etcd ever runs without its mark. The
 * name in /proc/PID/stat may have blanks, the 20th word after it is the start.
 */
const LAUNCHER = `set -fu
started() { set -- \${1##*) }; echo "\${20}"; }
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
umask 077
echo "$$ $(started "$stat") $boot" >"$1.new" && mv -f -- "$1.new" "$1" || exit 1
log=$2
shift 2
exec "$@" >>"$log" 2>&1
`;

/** What it works with. */
interface EtcdProcessParts {
  readonly options: EtcdMemberSettings;
  readonly programs: FindPrograms;
  /** Path of the etcd that would be started now; null: nobody knows. */
  readonly currentProgram: () => Promise<string | null>;
  readonly clock: Clock;
}

/** Starts, finds and ends the process. */
export class EtcdProcessLocal implements EtcdProcess {
  readonly #parts: EtcdProcessParts;

  constructor(parts: EtcdProcessParts) {
    this.#parts = parts;
  }

  async running(): Promise<number | null> {
    return (await this.#mark())?.pid ?? null;
  }

  async start(how: EtcdStart): Promise<number> {
    const { options, programs } = this.#parts;
    const { dataDir } = options;
    const taken = await portTaken([
      options.clientListenUrl,
      options.peerListenUrl,
    ]);
    if (taken !== null) throw new Error(taken);
    const { etcd } = await programs();
    await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
    const child = new Deno.Command("/bin/sh", {
      args: [
        ...["-c", LAUNCHER, "sh", pidPath(dataDir), logPath(dataDir), etcd],
        ...etcdArguments(options, how),
      ],
      cwd: dataDir,
      clearEnv: true,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
    child.unref();
    // Its end is seen by its mark, as that of an adopted one is.
    child.status.catch(() => {});
    return child.pid;
  }

  async stop(): Promise<void> {
    const mark = await this.#mark();
    if (mark === null) return;
    await this.#signal(mark, "SIGTERM", STOP_MS);
    await this.#signal(mark, "SIGKILL", KILL_MS);
    if (await this.#isAlive(mark)) {
      throw new Error(`etcd's process ${mark.pid} does not end`);
    }
  }

  async differences(): Promise<readonly string[]> {
    const { options, currentProgram } = this.#parts;
    const mark = await this.#mark();
    if (mark === null) return [];
    const words = await wordsOf(mark.pid).catch(() => []);
    const [program, ...settings] = words;
    // Not yet: the shell that is about to become it; or it has just ended.
    if (program === undefined || program === "/bin/sh") return [];
    const wanted = await currentProgram();
    const isOther = wanted !== null && program !== wanted;
    return [
      ...(isOther ? [`program ${program} instead of ${wanted}`] : []),
      ...otherWords(settings, options),
    ];
  }

  async lastWords(): Promise<string | null> {
    return await lastReason(logPath(this.#parts.options.dataDir));
  }

  async trimLog(): Promise<void> {
    await keepLogSmall(logPath(this.#parts.options.dataDir));
  }

  /** The living process; null: there is none. */
  async #mark(): Promise<ProcessMark | null> {
    const path = pidPath(this.#parts.options.dataDir);
    const line = await Deno.readTextFile(path).catch(() => "");
    const [, pid, started, boot] =
      /^(\d{1,9}) (\d{1,20}) (\S{36})$/.exec(line.trim()) ?? [];
    if (started === undefined || boot !== await bootId()) return null;
    const mark = { pid: Number(pid), started };
    return await this.#isAlive(mark) ? mark : null;
  }

  #isAlive(mark: ProcessMark): Promise<boolean> {
    const word = `--data-dir=${dataPath(this.#parts.options.dataDir)}`;
    return isProcess(mark, word);
  }

  async #signal(
    mark: ProcessMark,
    signal: Deno.Signal,
    limitMs: number,
  ): Promise<void> {
    const { clock } = this.#parts;
    if (!await this.#isAlive(mark)) return;
    try {
      Deno.kill(mark.pid, signal);
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) throw error;
      // It has just ended.
    }
    for (let waitedMs = 0; waitedMs < limitMs; waitedMs += LOOK_MS) {
      if (!await this.#isAlive(mark)) return;
      await clock.sleep(LOOK_MS);
    }
  }
}
