/**
 * A bench on which the recipes of docs/clients.md are followed: its hosts have the
 * last bytes of the addresses that are printed there, and know each other's names.
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import type { Section } from "../../helpers/agent_member.ts";
import { blockWith, sectionUnder } from "../../helpers/doc_blocks.ts";
import { FaultBench } from "./bench.ts";
import { launch, USER } from "./launch.ts";
import type { BenchMember } from "./member.ts";
import type { Host } from "./network.ts";
import { shell, tryShell } from "./shell.ts";

const PAGE = "clients.md";

/** Of the user `app`, as userlist.txt has it. */
export const PASSWORD = "password-of-app";

/** Nearly the times that a cluster has by itself: what is tried here is no fault of a slow machine. */
const CALM = {
  ...{ ttl: 30, loop_wait: 5, retry_timeout: 10 },
  synchronous_mode: false,
};

/** How often it is looked whether an agent has ended. */
const LOOK_MS = 500;

/** The bench, and application hosts. */
export class RecipeHosts implements AsyncDisposable {
  readonly bench: FaultBench;
  readonly apps: readonly Host[];
  readonly #named: readonly Host[];
  #keeper: ReturnType<typeof setInterval> | null = null;

  private constructor(bench: FaultBench, apps: readonly Host[]) {
    this.bench = bench;
    this.apps = apps;
    this.#named = [...apps, ...bench.members.map(({ host }) => host)];
  }

  /**
   * Members that run, with a database and a user `app`.
   *
   * @param change What a recipe adds to a member's file.
   */
  static async running(
    change: (hosts: RecipeHosts, member: BenchMember) => Section,
  ): Promise<RecipeHosts> {
    const made: RecipeHosts[] = [];
    const prepare = async (bench: FaultBench) => {
      const second = await bench.network.addHost("c2", 32);
      const hosts = new RecipeHosts(bench, [bench.client, second]);
      made.push(hosts);
      await hosts.#tellNames();
      for (const member of bench.members) {
        member.config = withSections(member.config, change(hosts, member));
      }
    };
    const bench = await FaultBench.running({ bootstrapDcs: CALM, prepare })
      .catch(async (error) => {
        for (const hosts of made) await hosts.#forgetNames();
        throw error;
      });
    const [hosts] = made;
    assert.ok(hosts !== undefined);
    // As the unit does that each member has.
    hosts.#keeper = setInterval(() => hosts.#startAgain(), LOOK_MS);
    try {
      const leader = await bench.untilWhole();
      await leader.sql(
        `CREATE ROLE app LOGIN PASSWORD '${PASSWORD}' IN ROLE pg_read_all_settings`,
      );
      await leader.sql("CREATE DATABASE app OWNER app");
      return hosts;
    } catch (error) {
      await hosts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A block as it is printed, with this bench's addresses. */
  block(heading: string, what: string): string {
    return this.local(blockWith(sectionUnder(PAGE, heading), what));
  }

  section(heading: string, what: string): Section {
    return parse(this.block(heading, what));
  }

  /** With this bench's addresses. */
  local(text: string): string {
    return text.replaceAll(
      "10.0.0.",
      this.bench.network.addressOf(0).slice(0, -1),
    );
  }

  /** Starts what such a PgBouncer is on that host. */
  async startPgbouncer(
    host: Host,
    heading: string,
    users: string,
  ): Promise<Deno.ChildProcess> {
    const folder = `${this.bench.directory}/tmp/pgbouncer-${host.name}`;
    await Deno.mkdir(folder, { recursive: true });
    // Hosts of a test have one file system.
    const config = this.block(heading, "[pgbouncer]")
      .replaceAll("/etc/pgbouncer", folder) + "unix_socket_dir =\n";
    await Deno.writeTextFile(`${folder}/pgbouncer.ini`, config);
    await Deno.writeTextFile(`${folder}/userlist.txt`, users);
    await shell(["chown", "-R", `${USER}:`, folder]);
    return launch({
      host,
      command: ["pgbouncer", `${folder}/pgbouncer.ini`],
      env: {},
      log: `${folder}/log`,
      mayCarryAddresses: false,
    });
  }

  /** Runs a program on an application host, as the user `app`. */
  async run(
    words: readonly string[],
    host: Host | undefined = this.apps[0],
  ): Promise<string> {
    const env = ["PGUSER=app", `PGPASSWORD=${PASSWORD}`];
    const { code, output, error } = await tryShell([
      ...[
        "ip",
        "netns",
        "exec",
        host?.namespace ?? "",
        "env",
        ...env,
        ...words,
      ],
    ]);
    return code === 0 ? output.trim() : `${code}: ${error.trim()}`;
  }

  /** Which member serves that address, and whether it takes writes. */
  psql(address: string, host?: Host): Promise<string> {
    const query = "SELECT substring(current_setting('data_directory') " +
      "FROM '/(n\\d)/') || ' ' || pg_is_in_recovery()";
    return this.run(["psql", "-XAt", "-d", address, "-c", query], host);
  }

  /** Another member leads, because somebody wants it; that one. */
  async switchOver(leader: BenchMember): Promise<BenchMember> {
    const [heir] = this.bench.others(leader);
    const body = { leader: leader.name, candidate: heir?.name };
    const { status, text } = await leader.rest("POST", "/switchover", body);
    assert.equal(status, 200, text);
    return await this.bench.untilWhole();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#keeper !== null) clearInterval(this.#keeper);
    await this.bench[Symbol.asyncDispose]();
    await this.#forgetNames();
  }

  /** The fence ends an agent that a busy machine has held up for three seconds. */
  #startAgain(): void {
    for (const member of this.bench.members) {
      const wasStarted = member.log() !== "";
      if (wasStarted && member.agentPid() === null) member.start();
    }
  }

  /** `ip netns exec` puts what is there over the files of /etc. */
  async #tellNames(): Promise<void> {
    const names = this.bench.members.map(({ host: { address, name } }) =>
      `${address} db${name.slice(1)}\n`
    );
    for (const { namespace } of this.#named) {
      await Deno.mkdir(`/etc/netns/${namespace}`, { recursive: true });
      await Deno.writeTextFile(
        `/etc/netns/${namespace}/hosts`,
        `127.0.0.1 localhost\n${names.join("")}`,
      );
    }
  }

  async #forgetNames(): Promise<void> {
    for (const { namespace } of this.#named) {
      await Deno.remove(`/etc/netns/${namespace}`, { recursive: true });
    }
  }
}

/** Each section of the file with what a recipe says there. */
function withSections(config: Section, recipe: Section): Section {
  const changed = Object.entries(recipe).map(([name, section]) => [
    name,
    { ...Object(config[name]), ...Object(section) },
  ]);
  return { ...config, ...Object.fromEntries(changed) };
}
