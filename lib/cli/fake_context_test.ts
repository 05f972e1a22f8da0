/**
 * A whole world for one command, in memory: keys, members that answer, a user
 * who types. Shared by the tests of the command line; holds no test itself.
 */
import { lsn, moment, revision } from "../core/base/units.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsEntry,
  DcsResult,
  DcsSnapshot,
  DcsWrite,
} from "../ports/dcs.ts";
import { runCli } from "./cli.ts";
import type { SetupWorld } from "../setup/setup_world.ts";
import type {
  CliContext,
  CliNeighbours,
  DcsTarget,
  EtcdTools,
  HttpReply,
  HttpRequest,
  ProgramCall,
  Screen,
  SqlAnswer,
  SqlTarget,
} from "./context.ts";

/** What the world is like; everything has a harmless default. */
export interface World {
  /** Keys of the scope `demo`; null: the store is down. */
  readonly keys?: Readonly<Record<string, string>> | null;
  /** Lines the user types; then the input ends. */
  readonly input?: readonly string[];
  readonly reply?: (request: HttpRequest) => HttpReply;
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly isTty?: boolean;
  readonly wallTimeMs?: number;
  readonly program?: (
    call: ProgramCall,
    files: Map<string, string>,
  ) => number | null;
  readonly neighbours?: CliNeighbours;
  readonly programName?: string;
  readonly etcd?: EtcdTools;
  /** In place of `keys`. */
  readonly store?: (target: DcsTarget) => Dcs;
  readonly setup?: SetupWorld;
  readonly sql?: (target: SqlTarget, text: string) => SqlAnswer;
  /** The whole terminal; none by default. */
  readonly screen?: Screen;
  /** Takes the place of pauses that take no time and of their limit. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Pauses before the command is stopped, 3 by default. */
  readonly sleepsMax?: number;
  /** What happens to the keys while a command pauses; by default enough is enough. */
  readonly onSleep?: (set: (key: string, value: string) => void) => void;
  /** Called before each write, as a competitor would be. */
  readonly beforeWrite?: (keys: Map<string, DcsEntry>) => void;
}

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly requests: readonly HttpRequest[];
  readonly sleeps: readonly number[];
  /** Files that were written, in order. */
  readonly written: readonly (readonly [string, string])[];
}

/** Commands that repeat for ever are stopped at this many pauses. */
const SLEEPS_MAX = 3;

export const CONFIG_PATH = "/etc/patroni.yml";

/** The cluster of docs/contract/cli.md A4. */
export const DEMO_KEYS: Readonly<Record<string, string>> = {
  initialize: "7277694203142172922",
  leader: "n1",
  status: '{"optime":67108960}',
  config: '{"ttl":30,"synchronous_mode":true,"postgresql":{"parameters":' +
    '{"max_connections":"100","shared_buffers":"128MB"}}}',
  sync: '{"leader":"n1","sync_standby":"n2","quorum":0}',
  "members/n1": member({
    host: "10.0.0.1",
    state: "running",
    role: "primary",
    xlog_location: 67108960,
    timeline: 3,
  }),
  "members/n2": member({
    host: "10.0.0.2",
    state: "running",
    role: "replica",
    replication_state: "streaming",
    receive_lsn: 67109096,
    replay_lsn: 57109096,
    timeline: 3,
  }),
  "members/n3": member({
    host: "db-with-a-long-name.internal",
    state: "stopped",
    role: "replica",
  }),
};

/** The value of a member key. */
export function member(
  { host, port = 5432, ...rest }: Record<string, unknown>,
): string {
  return JSON.stringify({
    conn_url: `postgres://${host}:${port}/postgres`,
    api_url: `http://${host}:8008/patroni`,
    version: "4.1.4",
    ...rest,
  });
}

class FakeDcs implements Dcs {
  readonly #keys: Map<string, DcsEntry>;
  readonly #beforeWrite: (keys: Map<string, DcsEntry>) => void;
  readonly capabilities: DcsCapabilities = {
    ...{
      hasTransactions: true,
      mayForget: false,
      isSnapshotAtomic: true,
      expiry: "store",
    },
    ttlMinMs: 1,
  };
  #writes = 100;

  constructor(
    keys: Map<string, DcsEntry>,
    beforeWrite: (keys: Map<string, DcsEntry>) => void,
  ) {
    this.#keys = keys;
    this.#beforeWrite = beforeWrite;
  }

  read(): Promise<DcsSnapshot> {
    return this.readFresh();
  }

  readFresh(): Promise<DcsSnapshot> {
    const entries = [...this.#keys.values()].toSorted((a, b) =>
      a.key < b.key ? -1 : 1
    );
    return Promise.resolve({ entries });
  }

  write(write: DcsWrite): Promise<DcsResult> {
    this.#beforeWrite(this.#keys);
    const isOther = write.when.some((one) =>
      one.kind === "revision_is" &&
        this.#keys.get(one.key)?.revision !== one.revision ||
      one.kind === "absent" && this.#keys.has(one.key)
    );
    if (isOther) return Promise.resolve({ kind: "condition_failed" });
    const changed = revision(++this.#writes);
    for (const edit of write.edits) {
      const { key } = edit;
      if (edit.kind === "delete") this.#keys.delete(key);
      else {
        const { value } = edit;
        this.#keys.set(key, { key, value, revision: changed, isHeld: false });
      }
    }
    return Promise.resolve({ kind: "done", revision: changed });
  }

  removeScope(): Promise<void> {
    this.#keys.clear();
    return Promise.resolve();
  }

  openSession(): Promise<never> {
    return Promise.reject(new Error("the command line has no lease"));
  }

  renewSession(): Promise<never> {
    return Promise.reject(new Error("the command line has no lease"));
  }

  watch(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Runs the command line in that world. */
export async function runIn(
  world: World,
  argv: readonly string[],
): Promise<Outcome> {
  const seen: Seen = {
    out: "",
    err: "",
    requests: [],
    sleeps: [],
    written: [],
  };
  const keys = new Map<string, DcsEntry>();
  for (const [key, value] of Object.entries(world.keys ?? {})) {
    keys.set(key, { key, value, revision: revision(1), isHeld: false });
  }
  const context = contextOf(world, keys, seen);
  const code = await runCli(argv, context);
  const values = [...keys.values()].map(({ key, value }) => [key, value]);
  return { code, ...seen, keys: Object.fromEntries(values) };
}

interface Seen {
  out: string;
  err: string;
  readonly requests: HttpRequest[];
  readonly sleeps: number[];
  readonly written: [string, string][];
}

function contextOf(
  world: World,
  keys: Map<string, DcsEntry>,
  seen: Seen,
): CliContext {
  const input = [...world.input ?? []];
  const files = new Map(Object.entries({
    [CONFIG_PATH]: "scope: demo\netcd3: {host: 127.0.0.1:2379}\n",
    ...world.files,
  }));
  return {
    programName: world.programName ?? "patronictl",
    version: "4.1.4",
    ownVersion: "0.1.0",
    environment: { PATRONICTL_CONFIG_FILE: CONFIG_PATH, ...world.environment },
    isMacOs: false,
    otherCommands: [{ name: "run", summary: "Run the agent" }],
    clock: {
      now: () => moment(0),
      wallTimeMs: () => world.wallTimeMs ?? 1_795_000_000_123,
      sleep: (ms, signal) => {
        seen.sleeps.push(ms);
        if (world.sleep !== undefined) return world.sleep(ms, signal);
        world.onSleep?.((key, value) => {
          const next = revision(1000 + seen.sleeps.length);
          keys.set(key, { key, value, revision: next, isHeld: false });
        });
        const isOver = seen.sleeps.length >= (world.sleepsMax ?? SLEEPS_MAX);
        return isOver ? Promise.reject(new Error("enough")) : Promise.resolve();
      },
    },
    random: { next: () => 0.5 },
    openScreen: () => world.screen ?? null,
    terminal: {
      isOutputTty: world.isTty ?? false,
      write: (text) => void (seen.out += text),
      writeError: (text) => void (seen.err += text),
      readLine: () => Promise.resolve(input.shift() ?? null),
      readSecret: () => Promise.resolve(input.shift() ?? null),
      readAll: () => Promise.resolve(input.splice(0).join("\n")),
    },
    files: {
      readText: (path) => Promise.resolve(files.get(path) ?? null),
      list: (path) => {
        const names = [...files.keys()]
          .filter((each) => each.startsWith(`${path}/`))
          .map((each) => each.slice(path.length + 1));
        return Promise.resolve(names.length === 0 ? null : names);
      },
      writeText: (path, text) => {
        files.set(path, text);
        seen.written.push([path, text]);
        return Promise.resolve();
      },
      appendText: (path, text) => {
        files.set(path, (files.get(path) ?? "") + text);
        seen.written.push([path, text]);
        return Promise.resolve();
      },
      makeTemporary: ({ prefix, suffix }, text) => {
        const path = `/tmp/${prefix}x${suffix}`;
        files.set(path, text);
        const remove = (): Promise<void> => {
          files.delete(path);
          return Promise.resolve();
        };
        return Promise.resolve({ path, remove });
      },
    },
    openSetup: () =>
      world.setup === undefined
        ? Promise.reject(new Error("no host is set up here"))
        : Promise.resolve(world.setup),
    openDcs: (target) => {
      const { scope } = target;
      if (world.store !== undefined) {
        return Promise.resolve(world.store(target));
      }
      if (world.keys === null) {
        return Promise.reject(new DcsUnreachableError("Cannot reach etcd"));
      }
      const own = scope === "demo" ? keys : new Map<string, DcsEntry>();
      return Promise.resolve(new FakeDcs(own, world.beforeWrite ?? (() => {})));
    },
    etcdTools: () =>
      world.etcd === undefined
        ? Promise.reject(new Error("there is no etcd"))
        : Promise.resolve(world.etcd),
    send: (request) => {
      seen.requests.push(request);
      return world.reply === undefined
        ? Promise.reject(new Error("connection refused"))
        : Promise.resolve(world.reply(request));
    },
    decodeAnswer: (name, body) => {
      const answer: Readonly<Record<string, unknown>> = JSON.parse(body);
      const position = answer["position"];
      return {
        kind: "answered",
        name,
        isInRecovery: answer["primary"] !== true,
        position: typeof position === "number" ? lsn(position) : null,
        timeline: 3,
        isNofailover: false,
        failoverPriority: Number(answer["priority"] ?? 1),
        hasWatchdogFailed: answer["watchdog_failed"] === true,
        endedReceivers: [],
      };
    },
    querySql: (target, text) =>
      Promise.resolve(
        world.sql?.(target, text) ??
          { kind: "failed", code: null, message: "connection refused" },
      ),
    runProgram: (call) => Promise.resolve(world.program?.(call, files) ?? null),
    openNeighbours: () =>
      world.neighbours === undefined
        ? Promise.reject(new Error("there are no neighbours"))
        : Promise.resolve(world.neighbours),
  };
}
