/**
 * The laboratory for faults: three members, three etcd nodes and a client, each
 * on a host of its own, in network namespaces that the bench makes and removes.
 * A recorder on the client host writes all the time. Needs root.
 */
import assert from "node:assert/strict";
import {
  type AgentEnd,
  PASSWORDS,
  type Section,
} from "../../helpers/agent_member.ts";
import { endAllWith, isAlive } from "../../helpers/own_processes.ts";
import { type Attempt, HistoryFile, type Lane } from "./history.ts";
import { judge, type Report, reportText } from "./checker.ts";
import { denoCommand } from "./deno.ts";
import { makeBenchDirectory, mountMemory, sweepDisks } from "./disks.ts";
import { launch, USER } from "./launch.ts";
import { benchConfig, BenchMember, LEASE_MS, PORTS } from "./member.ts";
import { type Host, Network } from "./network.ts";
import { hasProgram, shell } from "./shell.ts";
import { isEtcdHealthy, startEtcd } from "./store.ts";
import { type Undo, undoAll } from "./undo.ts";
import { untilIt } from "../../helpers/wait.ts";

const WAIT_LIMIT_MS = 120_000;
const DATA_DISK_MB = 256;
const WAL_DISK_MB = 512;
const VIP_NUMBER = 100;

/** What a test wants. */
export interface BenchOptions {
  /** Merged over `bootstrap.dcs`. */
  readonly bootstrapDcs?: Section;
  /** Merged over each member's configuration. */
  readonly config?: Section;
  /** "fake": the members' clocks can jump. */
  readonly clocks?: "fake";
  /** The agent's program instead of this checkout's. */
  readonly program?: readonly string[];
  /** Added to the agent's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs before the first member starts. */
  readonly prepare?: (bench: FaultBench) => Promise<void>;
}

const PROGRAMS = [
  "ip",
  "nft",
  "setpriv",
  "arping",
  "etcd",
  "strace",
  "faketime",
];

/** Why fault tests with these programs cannot run here; null if they can. With CI=true a missing program is no excuse. */
export function faultSkipReason(
  programs: readonly string[] = PROGRAMS,
): string | null {
  if (Deno.build.os !== "linux") return "network namespaces are Linux's";
  if (Deno.uid() !== 0) return "network namespaces need root";
  const { success } = new Deno.Command("unshare", {
    args: ["--net", "--mount", "true"],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  if (!success) return "this machine forbids network namespaces";
  if (Deno.env.get("CI") === "true") return null;
  const missing = programs.filter((program) => !hasProgram(program));
  return missing.length === 0 ? null : `not installed: ${missing.join(", ")}`;
}

/** Registers a fault test; with a reason it is skipped, and its name says why. */
export function faultTest(
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
  reason: string | null = faultSkipReason(),
): void {
  Deno.test({
    name: reason === null ? name : `${name} (skipped: ${reason})`,
    ignore: reason !== null,
    fn,
  });
}

interface BenchParts {
  readonly network: Network;
  readonly directory: string;
  readonly members: readonly BenchMember[];
  readonly etcd: readonly Host[];
  readonly client: Host;
  readonly unmount: Undo;
}

/** Three members, three etcd nodes, a client. */
export class FaultBench implements AsyncDisposable {
  readonly #parts: BenchParts;
  readonly #history: HistoryFile;
  readonly #stores = new Map<Host, Deno.ChildProcess>();
  #recorder: Deno.ChildProcess | null = null;

  private constructor(parts: BenchParts) {
    this.#parts = parts;
    this.#history = new HistoryFile(this.#historyPath);
  }

  get network(): Network {
    return this.#parts.network;
  }

  get directory(): string {
    return this.#parts.directory;
  }

  get members(): readonly BenchMember[] {
    return this.#parts.members;
  }

  get etcd(): readonly Host[] {
    return this.#parts.etcd;
  }

  get client(): Host {
    return this.#parts.client;
  }

  /** The virtual address that the primary carries. */
  get vip(): string {
    return this.network.addressOf(VIP_NUMBER);
  }

  /** A scope whose first member leads and whose others stream; the table is there. */
  static async running(options: BenchOptions = {}): Promise<FaultBench> {
    const bench = await FaultBench.#create(options);
    try {
      await options.prepare?.(bench);
      await bench.#start();
      return bench;
    } catch (error) {
      await bench[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #create(options: BenchOptions): Promise<FaultBench> {
    await sweepDisks();
    const network = await Network.create();
    const directory = await makeBenchDirectory();
    const hosts = async (letter: string, first: number) => {
      const made: Host[] = [];
      for (const i of [1, 2, 3]) {
        made.push(await network.addHost(`${letter}${i}`, first + i));
      }
      return made;
    };
    const nodes = await hosts("n", 10);
    const etcd = await hosts("e", 20);
    const client = await network.addHost("c1", 31);
    const vip = network.addressOf(VIP_NUMBER);
    const members = nodes.map((host) => {
      const place = `${directory}/${host.name}`;
      const parts = { directory: place, etcd, vip, options };
      return new BenchMember(host, {
        directory: place,
        config: configOf(host, parts),
        env: {
          DENO_DIR: `${directory}/deno`,
          TMPDIR: `${directory}/tmp`,
          ...options.env,
        },
        program: options.program ?? denoCommand("main.ts", "run"),
      });
    });
    const mounts: Undo[] = [];
    for (const member of members) {
      mounts.push(...await furnish(member));
      if (options.clocks === "fake") await member.setClock(0);
    }
    for (const name of ["deno", "tmp", "etcd"]) {
      await Deno.mkdir(`${directory}/${name}`);
    }
    await shell(["chown", "-R", `${USER}:`, directory]);
    const unmount = undoAll(mounts);
    return new FaultBench({
      network,
      directory,
      members,
      etcd,
      client,
      unmount,
    });
  }

  member(name: string): BenchMember {
    const found = this.members.find((member) => member.name === name);
    assert.ok(found !== undefined, `there is no member ${name}`);
    return found;
  }

  /** All but one. */
  others(member: BenchMember): readonly BenchMember[] {
    return this.members.filter((other) => other !== member);
  }

  /** Starts the recorder: every member directly and through its proxy, the VIP likewise, and more. */
  async record(more: readonly Lane[] = []): Promise<void> {
    const lanes: Lane[] = [
      { name: "vip-postgres", host: this.vip, port: PORTS.postgres },
      { name: "vip-proxy", host: this.vip, port: PORTS.primary },
      ...more,
    ];
    for (const { name, host: { address: host } } of this.members) {
      lanes.push({ name: `direct-${name}`, host, port: PORTS.postgres });
      lanes.push({ name: `proxy-${name}`, host, port: PORTS.primary });
    }
    const output = this.#historyPath;
    const plan = { lanes, output, password: PASSWORDS.postgres };
    const path = `${this.directory}/recorder.json`;
    await Deno.writeTextFile(path, JSON.stringify(plan));
    this.#recorder = launch({
      host: this.client,
      command: denoCommand("tests/fault/bench/recorder.ts", path),
      env: {
        DENO_DIR: `${this.directory}/deno`,
        HOME: `${this.directory}/tmp`,
      },
      log: `${this.directory}/recorder.log`,
      mayCarryAddresses: false,
    });
    await this.until(
      "the recorder's first row",
      () => Promise.resolve(judge(this.history(), null).acked > 0),
    );
  }

  /** What the recorder wrote so far; the list grows. */
  history(): readonly Attempt[] {
    return this.#history.read();
  }

  /** Waits until lanes with that prefix write on that member, from now on. */
  async untilWrites(lanePrefix: string, member: BenchMember): Promise<void> {
    const before = this.history().length;
    await this.until(`${lanePrefix} writes on ${member.name}`, () => {
      const fresh = this.history().slice(before);
      return Promise.resolve(
        fresh.some(({ lane, outcome }) =>
          lane.startsWith(lanePrefix) && outcome.kind === "acked" &&
          outcome.member === member.name
        ),
      );
    });
  }

  /** Stops the recorder and judges what it saw against the leader's rows. */
  async judge(lanePrefix = ""): Promise<Report> {
    this.#recorder?.kill("SIGTERM");
    await this.#recorder?.status;
    this.#recorder = null;
    const leader = await this.untilLeader();
    const rows = await leader.sql("SELECT id FROM fault_log");
    const ids = new Set(rows.map((row) => String(row["id"])));
    const report = judge(this.history(), ids, lanePrefix);
    console.log(reportText(report));
    return report;
  }

  /** The member that leads and is writable, out of those given; waits for it. */
  async untilLeader(
    among: readonly BenchMember[] = this.members,
  ): Promise<BenchMember> {
    const names = among.map(({ name }) => name).join(", ");
    return await this.until(`one of ${names} leads`, async () => {
      for (const member of among) {
        if (await isLeading(member)) return member;
      }
      return null;
    });
  }

  /** The lease ends, the others look for candidates several times, and all stay replicas. */
  async nobodyElseLeads(leader: BenchMember): Promise<void> {
    await this.lasting(2 * LEASE_MS);
    for (const other of this.others(leader)) {
      assert.equal((await other.status())?.["role"], "replica", other.name);
    }
  }

  /** One leader, the others stream from it; commits wait for a replica if they shall. */
  async untilWhole(): Promise<BenchMember> {
    return await this.until("the scope is whole", async () => {
      const statuses = await Promise.all(
        this.members.map(async (m) => [m, await m.status()] as const),
      );
      const leader = statuses.find(([, status]) =>
        status?.["role"] === "primary" && status["state"] === "running"
      )?.[0];
      const timeline = (await leader?.status())?.["timeline"];
      // A diverged member seems to stream whenever it tries to.
      const streaming = statuses.filter(([, status]) =>
        status?.["replication_state"] === "streaming" &&
        status["timeline"] === timeline
      );
      const isWhole = streaming.length === this.members.length - 1;
      if (leader === undefined || !isWhole) return null;
      const isSync = await hasSynchronousStandby(leader);
      return isSync && await isLeading(leader) ? leader : null;
    });
  }

  /** Waits until every member answers and none takes writes. */
  async untilNobodyIsPrimary(): Promise<void> {
    await this.until("nobody is a primary", async () => {
      const statuses = await Promise.all(this.members.map((m) => m.status()));
      return statuses.every((status) =>
        status !== null && status["role"] !== "primary"
      );
    });
  }

  /** Waits until `look` gives something other than null or false. */
  until<T>(
    what: string,
    look: () => Promise<T | null | false>,
    limitMs = WAIT_LIMIT_MS,
  ): Promise<T> {
    return untilIt(what, look, { limitMs, report: () => this.#report() });
  }

  /** Lets a fault last. */
  lasting(ms: number): Promise<true> {
    const end = performance.now() + ms;
    const isOver = () => Promise.resolve(performance.now() >= end);
    return this.until("the fault has lasted", isOver, 2 * ms);
  }

  /** Starts the etcd nodes that do not run. */
  async startEtcd(): Promise<void> {
    for (const host of this.etcd) {
      const before = this.#stores.get(host);
      if (before !== undefined && isAlive(before.pid)) continue;
      await before?.status;
      const directory = `${this.directory}/etcd`;
      this.#stores.set(host, startEtcd(host, this.etcd, directory));
    }
    for (const host of this.etcd) {
      await this.until(`${host.name} serves`, () => isEtcdHealthy(host));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAllWith(this.directory);
    await this.network[Symbol.asyncDispose]();
    const ends: Promise<AgentEnd | Deno.CommandStatus | null>[] = [
      ...[...this.#stores.values()].map((child) => child.status),
      ...this.members.map((member) => member.ended()),
    ];
    if (this.#recorder !== null) ends.push(this.#recorder.status);
    await Promise.all(ends);
    await this.#keepLogs();
    await this.#parts.unmount();
    await Deno.remove(this.directory, { recursive: true });
  }

  get #historyPath(): string {
    return `${this.directory}/tmp/history.jsonl`;
  }

  async #start(): Promise<void> {
    await this.startEtcd();
    const [first, ...rest] = this.members;
    first?.start();
    const leader = await this.untilLeader();
    for (const member of rest) member.start();
    await this.untilWhole();
    await leader.sql("CREATE TABLE fault_log (id text PRIMARY KEY)");
  }

  async #report(): Promise<string> {
    const parts = await Promise.all(this.members.map(async (member) => {
      const status = JSON.stringify(await member.status());
      const addresses = await this.network.addressesOn(member.host);
      const agent = member.agentState();
      return `--- ${member.name} ${addresses.join(" ")} ${agent} ${status}\n` +
        member.logEnd();
    }));
    return parts.join("\n");
  }

  /** `MATRIARCH_TEST_LOGS` names a folder for the members' logs, for developers. */
  async #keepLogs(): Promise<void> {
    const folder = Deno.env.get("MATRIARCH_TEST_LOGS");
    if (folder === undefined) return;
    for (const member of this.members) {
      await Deno.writeTextFile(`${folder}/${member.name}.log`, member.log());
    }
    await Deno.copyFile(this.#historyPath, `${folder}/history.jsonl`)
      .catch(() => {});
  }
}

async function isLeading(member: BenchMember): Promise<boolean> {
  try {
    return (await member.rest("GET", "/leader")).status === 200;
  } catch {
    return false;
  }
}

/** True also where nobody wants one. */
async function hasSynchronousStandby(leader: BenchMember): Promise<boolean> {
  const config = await leader.rest("GET", "/config");
  const mode = sectionOf(JSON.parse(config.text))["synchronous_mode"];
  if (mode !== true && mode !== "quorum") return true;
  const { text } = await leader.rest("GET", "/cluster");
  return /"role": ?"(sync|quorum)_standby"/.test(text);
}

/** The directories of a member, with a file system of its own for data and for WAL. */
async function furnish(member: BenchMember): Promise<readonly Undo[]> {
  for (const path of [member.directory, member.dataDisk, member.walDisk]) {
    await Deno.mkdir(path);
  }
  return [
    await mountMemory(member.dataDisk, DATA_DISK_MB),
    await mountMemory(member.walDisk, WAL_DISK_MB),
  ];
}

function configOf(
  host: Host,
  parts: {
    readonly directory: string;
    readonly etcd: readonly Host[];
    readonly vip: string;
    readonly options: BenchOptions;
  },
): Section {
  const config = benchConfig(host, parts);
  const bootstrap = sectionOf(config["bootstrap"]);
  const dcs = {
    ...sectionOf(bootstrap["dcs"]),
    ...parts.options.bootstrapDcs,
  };
  return {
    ...config,
    bootstrap: { ...bootstrap, dcs },
    ...parts.options.config,
  };
}

function sectionOf(value: unknown): Section {
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}
