/**
 * The recipe "PgBouncer beside PostgreSQL" of docs/clients.md, followed by the
 * letter: three members, each with a PgBouncer on its host, and clients that come
 * by any member's proxy.
 */
import assert from "node:assert/strict";
import { step } from "../helpers/step.ts";
import { faultSkipReason, faultTest } from "./bench/bench.ts";
import type { BenchMember } from "./bench/member.ts";
import { RecipeHosts } from "./bench/recipe_hosts.ts";

const BEHIND = "### Behind the proxies";
const IN_FRONT = "### In front of the proxies";
const WRITES = "host=db1,db2,db3 port=5000 dbname=app";
const READS = "host=db1,db2,db3 port=6000 dbname=app";

/** The recipe, with PgBouncer on each host. */
class Scene {
  readonly #poolers = new Map<BenchMember, Deno.ChildProcess>();

  constructor(readonly hosts: RecipeHosts) {}

  async startPooler(member: BenchMember): Promise<void> {
    const users = this.hosts.block(IN_FRONT, '"matriarch"');
    const { host } = member;
    const child = await this.hosts.startPgbouncer(host, BEHIND, users);
    this.#poolers.set(member, child);
  }

  async killPooler(member: BenchMember): Promise<void> {
    const child = this.#poolers.get(member);
    child?.kill("SIGKILL");
    await child?.status;
  }

  /** Waits until new clients of that port are led so. */
  async untilServed(address: string, by: RegExp): Promise<void> {
    let answer = "";
    await this.hosts.bench.until(`${address} leads to ${by}`, async () => {
      answer = await this.hosts.psql(address);
      return by.test(answer);
    }).catch((error) => {
      throw new Error(`The last answer was ${answer}`, { cause: error });
    });
  }
}

/** PostgreSQL sees its own host's PgBouncer, and nobody else. */
async function served(scene: Scene): Promise<void> {
  const { hosts } = scene;
  const leader = await hosts.bench.untilWhole();
  await scene.untilServed(WRITES, new RegExp(`^${leader.name} false$`));
  await scene.untilServed(READS, /^n\d true$/);
  for (const address of [WRITES, READS]) {
    const seen = await hosts.run([
      ...["psql", "-XAt", "-d", address],
      ...["-c", "SELECT host(inet_client_addr())"],
    ]);
    assert.equal(seen, "127.0.0.1");
  }
}

async function switchedOver(scene: Scene): Promise<void> {
  const { hosts } = scene;
  const leader = await hosts.bench.untilWhole();
  const heir = await hosts.switchOver(leader);
  await scene.untilServed(WRITES, new RegExp(`^${heir.name} false$`));
  await scene.untilServed(READS, /^n\d true$/);
}

/** Nobody is led past it, and nobody leads because of it. */
async function poolerDead(scene: Scene): Promise<void> {
  const { hosts } = scene;
  const leader = await hosts.bench.untilWhole();
  await scene.killPooler(leader);
  const refused = await hosts.psql(WRITES);
  assert.match(refused, /no primary of scope "batman" could be reached/);
  const waiting = hosts.psql(WRITES);
  await scene.startPooler(leader);
  assert.equal(await waiting, `${leader.name} false`);
  assert.equal(await hosts.bench.untilWhole(), leader);
}

faultTest(
  "fault: recipe with a PgBouncer beside each PostgreSQL",
  async (t) => {
    await using hosts = await RecipeHosts.running((made, { host }) => {
      const printed = made.local("10.0.0.11");
      const section = made.section(BEHIND, "proxy_address:");
      const text = JSON.stringify(section).replaceAll(printed, host.address);
      return JSON.parse(text);
    });
    const scene = new Scene(hosts);
    for (const member of hosts.bench.members) await scene.startPooler(member);
    await step(t, "clients come by PgBouncer", () => served(scene));
    await step(t, "the leader changes", () => switchedOver(scene));
    await step(t, "the leader's PgBouncer dies", () => poolerDead(scene));
  },
  faultSkipReason(["ip", "nft", "setpriv", "etcd", "pgbouncer"]),
);
