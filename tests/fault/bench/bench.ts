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
import { endAllWith, signalTo } from "../../helpers/own_processes.ts";
import { type Attempt, type Lane, parseHistory } from "./history.ts";
import { judge, type Report, reportText } from "./checker.ts";
import { denoCommand, launch, USER } from "./launch.ts";
import { benchConfig, BenchMember, PORTS } from "./member.ts";
import { type Host, Network } from "./network.ts";
import { hasProgram, shell } from "./shell.ts";
import { isEtcdHealthy, startEtcd } from "./store.ts";

const WAIT_LIMIT_MS = 90_000;
const LOOK_AGAIN_MS = 50;

/** What a test wants. */
export interface BenchOptions {
  /** Merged over `bootstrap.dcs`. */
  readonly bootstrapDcs?: Section;
  /** Merged over each member's configuration. */
  readonly config?: Section;
}

/** Why fault tests can not run here; null if they can. With CI=true nothing is an excuse. */
export function faultSkipReason(): string | null {
  if (Deno.env.get("CI") === "true") return null;
  if (Deno.build.os !== "linux") return "network namespaces are Linux's";
  if (Deno.uid() !== 0) return "network namespaces need root";
  const missing = ["ip", "nft", "setpriv", "arping", "etcd"]
    .filter((program) => !hasProgram(program));
  return missing.length === 0 ? null : `not installed: ${missing.join(", ")}`;
}

/** Registers a fault test, or a skipped one that says why. */
export function faultTest(
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const reason = faultSkipReason();
  Deno.test({
    name: reason === null ? name : `${name} (skipped: ${reason})`,
    ignore: reason !== null,
    fn,
  });
}

/** Three members, three etcd nodes, a client. */
export class FaultBench implements AsyncDisposable {
  readonly network: Network;
  readonly directory: string;
  readonly members: readonly BenchMember[];
  readonly etcd: readonly Host[];
  readonly client: Host;
  readonly #children: Deno.ChildProcess[] = [];
  #recorder: Deno.ChildProcess | null = null;

  private constructor(parts: {
    readonly network: Network;
    readonly directory: string;
    readonly members: readonly BenchMember[];
    readonly etcd: readonly Host[];
    readonly client: Host;
  }) {
    this.network = parts.network;
    this.directory = parts.directory;
    this.members = parts.members;
    this.etcd = parts.etcd;
    this.client = parts.client;
  }

  /** A scope whose first member leads and whose others stream; the table is there. */
  static async running(options: BenchOptions = {}): Promise<FaultBench> {
    const bench = await FaultBench.#create(options);
    try {
      await bench.#start();
      return bench;
    } catch (error) {
      await bench[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #create(options: BenchOptions): Promise<FaultBench> {
    const network = await Network.create();
    const directory = await Deno.makeTempDir({ prefix: "matriarch-fault-" });
    await Deno.chmod(directory, 0o755);
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
    const env = { DENO_DIR: `${directory}/deno`, TMPDIR: `${directory}/tmp` };
    const members = nodes.map((host) => {
      const place = `${directory}/${host.name}`;
      Deno.mkdirSync(place);
      const config = configOf(host, { directory: place, etcd, options });
      return new BenchMember(host, { directory: place, config, env });
    });
    for (const name of ["deno", "tmp", "etcd"]) {
      await Deno.mkdir(`${directory}/${name}`);
    }
    await shell(["chown", "-R", `${USER}:`, directory]);
    return new FaultBench({ network, directory, members, etcd, client });
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

  /** Starts the recorder: every member directly and through its proxy, and the addresses given. */
  async record(vips: readonly string[] = []): Promise<void> {
    const lanes: Lane[] = [];
    for (const { name, host: { address: host } } of this.members) {
      lanes.push({ name: `direct-${name}`, host, port: PORTS.postgres });
      lanes.push({ name: `proxy-${name}`, host, port: PORTS.primary });
    }
    for (const host of vips) {
      lanes.push({ name: "vip-postgres", host, port: PORTS.postgres });
      lanes.push({ name: "vip-proxy", host, port: PORTS.primary });
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

  /** What the recorder wrote so far. */
  history(): readonly Attempt[] {
    try {
      return parseHistory(Deno.readTextFileSync(this.#historyPath));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
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

  /** One leader, the others stream from it; commits wait for a replica if they shall. */
  async untilWhole(): Promise<BenchMember> {
    return await this.until("the scope is whole", async () => {
      const statuses = await Promise.all(
        this.members.map(async (m) => [m, await m.status()] as const),
      );
      const leader = statuses.find(([, status]) =>
        status?.["role"] === "primary" && status["state"] === "running"
      )?.[0];
      const streaming = statuses.filter(([, status]) =>
        status?.["replication_state"] === "streaming"
      );
      const isWhole = streaming.length === this.members.length - 1;
      if (leader === undefined || !isWhole) return null;
      const isSync = await hasSynchronousStandby(leader);
      return isSync && await isLeading(leader) ? leader : null;
    });
  }

  /** Waits until `look` gives something other than null or false. */
  async until<T>(
    what: string,
    look: () => Promise<T | null | false>,
    limitMs = WAIT_LIMIT_MS,
  ): Promise<T> {
    const deadline = performance.now() + limitMs;
    let failure: unknown = null;
    for (;;) {
      try {
        const seen = await look();
        if (seen !== null && seen !== false) return seen;
        failure = null;
      } catch (error) {
        failure = error;
      }
      if (performance.now() > deadline) {
        assert.fail(await this.#report(what, failure));
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAllWith(this.directory);
    await this.network[Symbol.asyncDispose]();
    const ends: Promise<AgentEnd | Deno.CommandStatus | null>[] = [
      ...this.#children.map((child) => child.status),
      ...this.members.map((member) => member.ended()),
    ];
    if (this.#recorder !== null) ends.push(this.#recorder.status);
    await Promise.all(ends);
    await this.#keepLogs();
    await Deno.remove(this.directory, { recursive: true });
  }

  get #historyPath(): string {
    return `${this.directory}/tmp/history.jsonl`;
  }

  async #start(): Promise<void> {
    for (const host of this.etcd) {
      const directory = `${this.directory}/etcd`;
      this.#children.push(startEtcd(host, this.etcd, directory));
    }
    for (const host of this.etcd) {
      await this.until(`${host.name} serves`, () => isEtcdHealthy(host));
    }
    const [first, ...rest] = this.members;
    first?.start();
    const leader = await this.untilLeader();
    for (const member of rest) member.start();
    await this.untilWhole();
    await leader.sql("CREATE TABLE fault_log (id text PRIMARY KEY)");
  }

  async #report(what: string, failure: unknown): Promise<string> {
    const parts = await Promise.all(this.members.map(async (member) => {
      const status = JSON.stringify(await member.status());
      const addresses = await this.network.addressesOn(member.host);
      return `--- ${member.name} ${addresses.join(" ")} ${status}\n` +
        member.logEnd();
    }));
    return `Never happened: ${what}. Last failure: ${Deno.inspect(failure)}\n${
      parts.join("\n")
    }`;
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

/** Sends a signal to a process that must be there. */
export function strike(pid: number | null, signal: Deno.Signal): number {
  assert.ok(pid !== null, "the process to strike is not there");
  assert.ok(signalTo(pid, signal), `process ${pid} is gone`);
  return pid;
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

function configOf(
  host: Host,
  parts: {
    readonly directory: string;
    readonly etcd: readonly Host[];
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
