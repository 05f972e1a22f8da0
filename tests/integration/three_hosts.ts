/**
 * Three hosts without anything but PostgreSQL, each a network namespace with a
 * folder, and, if wanted, one host with etcd: what `init` and `join` are called on, as root,
 * and what runs there afterwards, as the user that PostgreSQL's package made.
 */
import assert from "node:assert/strict";
import { request } from "node:https";
import { denoCommand } from "../fault/bench/deno.ts";
import { makeBenchDirectory, sweepDisks } from "../fault/bench/disks.ts";
import { launch, USER } from "../fault/bench/launch.ts";
import { type Host, Network } from "../fault/bench/network.ts";
import { shell } from "../fault/bench/shell.ts";
import { isEtcdHealthy, startEtcd } from "../fault/bench/store.ts";
import { endAllWith, signalTo } from "../helpers/own_processes.ts";
import { untilIt } from "../helpers/wait.ts";

/** How a command of this program ended. */
export interface CommandEnd {
  readonly code: number;
  readonly output: string;
  readonly error: string;
}

/** A member as `list` shows it. */
export interface ListedMember {
  readonly name: string;
  readonly role: string;
  readonly state: string;
}

/** Longer means that it hangs. */
const COMMAND_MAX_MS = 120_000;

/** The hosts. */
export class ThreeHosts implements AsyncDisposable {
  readonly #agents = new Map<Host, Deno.ChildProcess>();
  readonly #servers: Deno.ChildProcess[] = [];

  readonly network: Network;
  readonly directory: string;
  /** Where the store is. */
  readonly store: Host;
  readonly hosts: readonly [Host, Host, Host];

  private constructor(
    parts: Pick<ThreeHosts, "network" | "directory" | "store" | "hosts">,
  ) {
    this.network = parts.network;
    this.directory = parts.directory;
    this.store = parts.store;
    this.hosts = parts.hosts;
  }

  /** With nothing running but, unless the hosts are to run it themselves, etcd. */
  static async ready(
    { hasStore = true }: { readonly hasStore?: boolean } = {},
  ): Promise<ThreeHosts> {
    await sweepDisks();
    const network = await Network.create();
    const directory = await makeBenchDirectory();
    const store = await network.addHost("store", 9);
    const hosts = [
      await network.addHost("db1", 11),
      await network.addHost("db2", 12),
      await network.addHost("db3", 13),
    ] as const;
    for (const name of ["deno", "tmp", "etcd", "db1", "db2", "db3"]) {
      await Deno.mkdir(`${directory}/${name}`);
    }
    await shell(["chown", "-R", `${USER}:`, directory]);
    const three = new ThreeHosts({ network, directory, store, hosts });
    if (!hasStore) return three;
    try {
      const servers = startEtcd(store, [store], `${directory}/etcd`);
      three.#servers.push(servers);
      await untilIt("etcd serves", () => isEtcdHealthy(store), {
        limitMs: 30_000,
      });
      return three;
    } catch (error) {
      await three[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where a host keeps what is under /etc and /var elsewhere. */
  folder(host: Host): string {
    return `${this.directory}/${host.name}`;
  }

  configPath(host: Host): string {
    return `${this.folder(host)}/etc/matriarch.yml`;
  }

  /** The options that put everything below the host's folder. */
  places(host: Host): readonly string[] {
    const folder = this.folder(host);
    return [
      ...["--address", host.address, "--name", host.name],
      ...["--config-dir", `${folder}/etc`, "--data-dir", `${folder}/lib/data`],
      ...["--socket-dir", folder, "--user", USER, "--no-start"],
    ];
  }

  /** The same of a host without PostgreSQL. */
  witnessPlaces(host: Host): readonly string[] {
    const places = this.places(host);
    return places.toSpliced(places.indexOf("--socket-dir"), 2);
  }

  /** Servers of many tests share the machine's processors and disk; hosts that join take it over. */
  async slowDown(host: Host): Promise<void> {
    const path = this.configPath(host);
    const text = await Deno.readTextFile(path);
    const slow = "  managed: true\n  heartbeat_interval: 200\n" +
      "  election_timeout: 2000\n";
    assert.ok(text.includes("  managed: true\n"));
    await Deno.writeTextFile(path, text.replace("  managed: true\n", slow));
  }

  /** Runs this program on a host, as root. */
  run(host: Host, ...words: readonly string[]): Promise<CommandEnd> {
    return this.#inside(host, denoCommand("main.ts", ...words));
  }

  async #inside(host: Host, command: readonly string[]): Promise<CommandEnd> {
    const { code, stdout, stderr } = await new Deno.Command("ip", {
      args: ["netns", "exec", host.namespace, ...command],
      stdin: "null",
      signal: AbortSignal.timeout(COMMAND_MAX_MS),
    }).output();
    const text = new TextDecoder();
    return { code, output: text.decode(stdout), error: text.decode(stderr) };
  }

  /** As {@link run}, and it must end well. */
  async done(host: Host, ...words: readonly string[]): Promise<string> {
    const end = await this.run(host, ...words);
    if (end.code !== 0) {
      assert.fail(`${words.join(" ")}: ${end.error}\n${await this.#report()}`);
    }
    return end.output;
  }

  /** A command of the cluster's, with the host's own configuration. */
  ask(host: Host, ...words: readonly string[]): Promise<CommandEnd> {
    return this.run(host, "-c", this.configPath(host), ...words);
  }

  /** As {@link ask}; its question is answered with yes. */
  agreed(host: Host, ...words: readonly string[]): Promise<CommandEnd> {
    const options = ["-c", this.configPath(host)];
    const command = denoCommand("main.ts", ...options, ...words);
    return this.#inside(host, ["sh", "-c", 'echo y | "$@"', "sh", ...command]);
  }

  /**
   * Starts the agent that the unit would start, and again when it was killed, as
   * the unit would: one that a busy machine leaves without its processors is ended
   * by its own proxy.
   */
  start(host: Host): void {
    this.#start(host, "run");
    const agent = this.#agents.get(host);
    agent?.status.then(({ success }) => {
      if (!success && this.#agents.get(host) === agent) this.start(host);
    });
  }

  /** Starts what the unit of a witness would start. */
  startWitness(host: Host): void {
    this.#start(host, "proxy");
  }

  #start(host: Host, program: "run" | "proxy"): void {
    const agent = launch({
      host,
      command: [
        ...["env", `DENO_DIR=${this.directory}/deno`],
        `TMPDIR=${this.directory}/tmp`,
        ...denoCommand("main.ts", program, this.configPath(host)),
      ],
      env: { HOME: this.folder(host) },
      log: `${this.folder(host)}/agent.log`,
      mayCarryAddresses: true,
    });
    this.#agents.set(host, agent);
  }

  /** Ends the agent in order. */
  async stop(host: Host): Promise<void> {
    const agent = this.#agents.get(host);
    assert.ok(agent !== undefined, `${host.name} has no agent`);
    this.#agents.delete(host);
    agent.kill("SIGTERM");
    await agent.status;
  }

  /** Ends all that runs on a host, at once: its power is lost. */
  async cutPower(host: Host): Promise<void> {
    const agent = this.#agents.get(host);
    this.#agents.delete(host);
    await untilIt(`nothing runs on ${host.name}`, async () => {
      const list = await shell(["ip", "netns", "pids", host.namespace]);
      const pids = list.split("\n").filter(Boolean).map(Number);
      for (const pid of pids) signalTo(pid, "SIGKILL");
      return pids.length === 0;
    });
    await agent?.status;
  }

  /** Ends the host's etcd, which whoever keeps it starts again. */
  async endEtcd(host: Host): Promise<void> {
    const path = `${this.folder(host)}/lib/etcd/etcd.pid`;
    const text = await Deno.readTextFile(path);
    const pid = Number(/\d+/.exec(text)?.[0]);
    signalTo(pid, "SIGTERM");
    await untilIt("another etcd runs", async () => {
      const now = await Deno.readTextFile(path).catch(() => "");
      return now !== "" && now !== text;
    }, { limitMs: 60_000 });
  }

  /** Removes what the host's member of etcd has left. */
  async emptyEtcd(host: Host): Promise<void> {
    await Deno.remove(`${this.folder(host)}/lib/etcd`, { recursive: true });
  }

  /** Waits until so many members of etcd have a vote, and all of them run. */
  async untilVoters(host: Host, wanted: number): Promise<void> {
    await untilIt(`${wanted} members of etcd vote`, async () => {
      const { code, output } = await this.ask(host, "etcd", "status");
      const voters = output.match(/\| (?:voter|leader) +\| running /g) ?? [];
      return code === 0 && voters.length === wanted &&
        !/learner|silent/.test(output);
    }, { limitMs: 60_000, report: () => this.#report() });
  }

  /** What the agent wrote. */
  async log(host: Host): Promise<string> {
    const path = `${this.folder(host)}/agent.log`;
    return await Deno.readTextFile(path).catch(() => "");
  }

  /** The members, as a host's command line shows them. */
  async list(host: Host): Promise<readonly ListedMember[]> {
    const { output } = await this.ask(host, "list", "-f", "json");
    const rows: readonly Record<string, string>[] = JSON.parse(output);
    return rows.map((row) => ({
      name: row["Member"] ?? "",
      role: row["Role"] ?? "",
      state: row["State"] ?? "",
    }));
  }

  /** Waits until one leads and so many stream. */
  async untilStreaming(host: Host, replicas: number): Promise<void> {
    await untilIt(`${replicas} replicas stream`, async () => {
      const members = await this.list(host);
      const streaming = members.filter(({ state }) => state === "streaming");
      return members.some(({ role }) => role === "Leader") &&
        streaming.length === replicas;
    }, { limitMs: 120_000, report: () => this.#report() });
  }

  /** What the host's REST API answers to somebody without a certificate. */
  answer(
    host: Host,
    path: string,
    body: unknown,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<
      { readonly status: number; readonly text: string }
    >();
    const text = JSON.stringify(body);
    const outgoing = request({
      ...{ host: host.address, port: 8008, path, method: "POST", agent: false },
      rejectUnauthorized: false,
      headers: { "Content-Length": new TextEncoder().encode(text).length },
      signal: AbortSignal.timeout(10_000),
    }, async (incoming) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const answer = await new Blob(chunks.map((each) => each.slice())).text();
      resolve({ status: incoming.statusCode ?? 0, text: answer });
    });
    outgoing.on("error", reject);
    outgoing.end(text);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#agents.values(), ...this.#servers];
    this.#agents.clear();
    for (const child of children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
    }
    await endAllWith(this.directory);
    await Promise.all(children.map((child) => child.status));
    await this.network[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }

  async #report(): Promise<string> {
    const parts = await Promise.all(this.hosts.map(async (host) => {
      const end = (await this.log(host)).trimEnd().split("\n").slice(-30);
      return `--- ${host.name}\n${end.join("\n")}`;
    }));
    return parts.join("\n");
  }
}
