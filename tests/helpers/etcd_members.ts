/**
 * Members of a managed etcd for tests: each with its own folder and ports on this
 * host, kept by the product's own supervision on real processes.
 */
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import type { EtcdView } from "../../lib/core/model/etcd_member.ts";
import type { EtcdOrder } from "../../lib/core/model/etcd_order.ts";
import type { Etcd3Config } from "../../lib/config/stores/etcd3.ts";
import type { ManagedEtcdConfig } from "../../lib/config/stores/managed_etcd.ts";
import {
  type EtcdMemberParts,
  etcdMemberParts,
  etcdSupervisor,
} from "../../lib/compose/managed_etcd.ts";
import type { Log } from "../../lib/ports/log.ts";
import type { IssuedFiles } from "./certificates.ts";
import { freePorts } from "./free_ports.ts";
import { memoryFolder } from "./memory_folder.ts";
import { endAllWith } from "./own_processes.ts";
import { skipReason } from "./skip_reason.ts";
import { untilIt } from "./wait.ts";

/** What `./scripts/compile` unpacks; else PATH is searched. */
const UNPACKED = new URL("../../.cache/etcd/usr/bin", import.meta.url).pathname;

/** Folder of another etcd for all tests with managed members. */
const FOLDER_VARIABLE = "MATRIARCH_TEST_ETCD";

/** The folder of the programs; null: PATH. */
export function etcdFolder(): string | null {
  const given = Deno.env.get(FOLDER_VARIABLE);
  if (given !== undefined) return given === "PATH" ? null : given;
  try {
    return Deno.statSync(`${UNPACKED}/etcd`).isFile ? UNPACKED : null;
  } catch {
    return null;
  }
}

/** Why tests with managed members cannot run here; null if they can. */
export function managedEtcdSkipReason(): string | null {
  const folder = etcdFolder();
  return folder === null ? skipReason("etcd", "etcd-server") : null;
}

/** Rests between two rounds are a fifth as long: only they know a signal. */
class BriskClock extends SystemClock {
  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return super.sleep(signal === undefined ? ms : ms / 5, signal);
  }
}

/** One member. */
export class TestMember {
  config: Etcd3Config & { readonly managed: ManagedEtcdConfig };
  parts: EtcdMemberParts;
  /** What the operator was told. */
  readonly said: string[] = [];
  #running: AbortController | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(
    name: string,
    root: string,
    { tls, changes }: {
      readonly tls?: IssuedFiles;
      readonly changes?: Partial<ManagedEtcdConfig>;
    } = {},
  ) {
    const [client = 0, peer = 0] = freePorts(2);
    const scheme = tls === undefined ? "http" : "https";
    const urls = [client, peer].map((port) => `${scheme}://127.0.0.1:${port}`);
    const [clientUrl = "", peerUrl = ""] = urls;
    const files = tls ?? null;
    const managed: ManagedEtcdConfig = {
      name,
      dataDir: `${root}/${name}`,
      ...{ clientUrl, peerUrl },
      ...{ clientListenUrl: clientUrl, peerListenUrl: peerUrl },
      ...{ heartbeatMs: 100, electionMs: 500, quotaBytes: 2 ** 30 },
      snapshotDir: `${root}/${name}/snapshots`,
      ...{ snapshotEveryMs: 3_600_000, snapshotsKept: 24 },
      ...{ serverTls: files, peerTls: files, programFolder: etcdFolder() },
      ...changes,
    };
    this.config = {
      ...{ kind: "etcd3", isProxied: false, srv: null, srvSuffix: null },
      endpoints: [managed.clientUrl],
      ...{ username: null, password: null },
      cacert: tls?.ca ?? null,
      cert: tls?.cert ?? null,
      key: tls?.key ?? null,
      managed,
    };
    this.parts = etcdMemberParts(this.config, new SystemClock());
  }

  get url(): string {
    return this.config.managed.clientUrl;
  }

  /** Other settings, for the next agent and the next command. */
  change(changes: Partial<ManagedEtcdConfig>): void {
    const managed = { ...this.config.managed, ...changes };
    this.config = { ...this.config, managed };
    this.parts = etcdMemberParts(this.config, new SystemClock());
  }

  /** Keeps it, as an agent does. */
  keep(): void {
    const { supervisor, aborting } = this.#supervisor(new BriskClock());
    this.#running = aborting;
    this.#ended = supervisor.run(aborting.signal);
  }

  /** As the end of the agent: etcd goes on. */
  async leave(): Promise<void> {
    this.#running?.abort();
    await this.#ended;
  }

  /** One round of an agent that was just started, and that is killed after it. */
  async oneRound(): Promise<void> {
    const aborting = new AbortController();
    class OnceClock extends SystemClock {
      override sleep(ms: number, signal?: AbortSignal): Promise<void> {
        // Only the rest between rounds knows a signal.
        if (signal !== undefined) aborting.abort();
        return super.sleep(ms, signal);
      }
    }
    const { supervisor } = this.#supervisor(new OnceClock());
    await supervisor.run(aborting.signal);
  }

  /** Orders a cluster of these members, or of this one alone. */
  async found(members: readonly TestMember[] = [this]): Promise<void> {
    await this.order({
      kind: "found",
      members: members.map(({ config }) => {
        const { name, peerUrl, clientUrl } = config.managed;
        return { name, peerUrl, clientUrl };
      }),
    });
  }

  async order(order: EtcdOrder): Promise<void> {
    await this.parts.folder.setOrder(order);
  }

  async pid(): Promise<number> {
    const pid = await this.parts.process.running();
    if (pid === null) throw new Error(`${this.config.managed.name} is down`);
    return pid;
  }

  /** SIGKILL of etcd. */
  async kill(): Promise<void> {
    const pid = await this.parts.process.running();
    if (pid === null) return;
    Deno.kill(pid, "SIGKILL");
    await this.until(
      "etcd is gone",
      async () => await this.parts.process.running() !== pid,
    );
  }

  /** Waits until it is a voter that knows a leader, and so many members are listed. */
  async untilVoter(members: number): Promise<EtcdView> {
    return await this.until(`${members} members that vote`, async () => {
      const status = await this.parts.admin.status(this.url);
      if (status.isLearner || status.leaderId === null) return null;
      const view = await this.parts.admin.members(this.url, "agreed");
      const voters = view.members.filter(({ isLearner, name }) =>
        !isLearner && name !== ""
      );
      const order = await this.parts.folder.order();
      return voters.length === members && order?.kind === "member"
        ? view
        : null;
    });
  }

  async until<T>(
    what: string,
    look: () => Promise<T | null | false>,
  ): Promise<T> {
    const { managed } = this.config;
    return await untilIt(`${managed.name}: ${what}`, look, {
      limitMs: 30_000,
      report: async () =>
        [
          ...this.said.slice(-10),
          await Deno.readTextFile(`${managed.dataDir}/order.json`)
            .catch(() => "no order"),
          (await Deno.readTextFile(`${managed.dataDir}/etcd.log`)
            .catch(() => "no log")).slice(-2000),
        ].join("\n"),
    });
  }

  async untilSaid(text: RegExp): Promise<void> {
    await this.until(
      `says ${text}`,
      () => Promise.resolve(this.said.some((line) => text.test(line))),
    );
  }

  #supervisor(clock: SystemClock) {
    const aborting = new AbortController();
    const supervisor = etcdSupervisor(this.config, { clock, log: this.#log() });
    if (supervisor === null) throw new Error("nothing is managed");
    return { supervisor, aborting };
  }

  #log(): Log {
    const add = (text: string): void => {
      this.said.push(text);
    };
    const [debug, info, warning, error, critical] = [add, add, add, add, add];
    return { debug, info, warning, error, critical };
  }
}

/** Members in one folder, which are ended and removed with it. */
export class TestMembers implements AsyncDisposable {
  readonly root: string;
  readonly #members: TestMember[] = [];

  private constructor(root: string) {
    this.root = root;
  }

  static async open(): Promise<TestMembers> {
    return new TestMembers(
      await memoryFolder("matriarch-members-"),
    );
  }

  add(
    name: string,
    options: ConstructorParameters<typeof TestMember>[2] = {},
  ): TestMember {
    const member = new TestMember(name, this.root, options);
    this.#members.push(member);
    return member;
  }

  /** A cluster of one, and as many more as wanted, each joined through the first. */
  async grow(names: readonly string[]): Promise<readonly TestMember[]> {
    const members = names.map((name) => this.add(name));
    const [first, ...others] = members;
    if (first === undefined) return [];
    await first.found();
    first.keep();
    await first.untilVoter(1);
    for (const [at, other] of others.entries()) {
      await other.order({ kind: "join", through: [first.url] });
      other.keep();
      await other.untilVoter(at + 2);
    }
    return members;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((one) => one.leave()));
    await endAllWith(this.root);
    await Deno.remove(this.root, { recursive: true });
  }
}
