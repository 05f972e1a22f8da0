/**
 * Three servers of Consul: their leader is lost, and the one that is asked falls
 * silent. Each member asks one Consul agent only, so a member has no other way.
 */
import assert from "node:assert/strict";
import { DcsConsul } from "../../lib/adapters/consul/dcs_consul.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { ConsulServer } from "../helpers/consul.ts";
import { consulSkipReason } from "../helpers/consul_program.ts";
import { consulOptions } from "./dcs_consul_access.ts";
import {
  contents,
  eventually,
  guardedPut,
  LIMITS,
  put,
  Recorder,
  SHORT_LIMITS,
} from "./dcs_fixture.ts";

const skipReason = consulSkipReason();
const suffix = skipReason === null ? "" : ` (skipped: ${skipReason})`;
/** Longer than an election of Consul's, on a busy machine. */
const TTL_MS = 30_000;

Deno.test({
  name: `consul: three servers outlive their leader${suffix}`,
  ignore: skipReason !== null,
  fn: async (t) => {
    const servers = await ConsulServer.startThree();
    await using stack = new AsyncDisposableStack();
    for (const server of servers) stack.use(server);
    const leader = await leaderOf(servers);
    const [first, second] = servers.filter((server) => server !== leader);
    assert.ok(first !== undefined && second !== undefined);
    const open = (server: ConsulServer): DcsConsul => {
      const { endpoint } = server;
      const dcs = new DcsConsul(consulOptions({ endpoint }));
      stack.defer(() => dcs.close());
      return dcs;
    };
    const [holder, watcher] = [open(first), open(second)];
    const { id } = await holder.openSession(TTL_MS, LIMITS);
    const bid = {
      value: "n1",
      guard: { kind: "absent" },
      session: id,
    } as const;
    assert.equal((await guardedPut(holder, "leader", bid)).kind, "done");
    const recorder = new Recorder();
    watcher.watch(recorder, new AbortController().signal);
    await eventually(() => recorder.resets > 0, () => recorder);
    await t.step(
      "the leader is killed: the session and its key stay",
      async () => {
        await leader.kill();
        await eventually(
          async () => await renewed(holder, id),
          () => "no renewal was answered",
          60_000,
        );
        await eventually(async () => await wrote(holder), () => "no write");
        assert.deepEqual(await contents(watcher), {
          config: "{}",
          leader: "n1",
        });
        await eventually(
          () => recorder.changes.some(({ key }) => key === "config"),
          () => recorder,
        );
      },
    );
    await t.step(
      "the one that is asked is silent: in time, and told",
      async () => {
        first.freeze();
        await assert.rejects(
          holder.readFresh(SHORT_LIMITS),
          DcsUnreachableError,
        );
        await assert.rejects(
          holder.renewSession(id, SHORT_LIMITS),
          DcsUnreachableError,
        );
        first.thaw();
        await eventually(
          async () => await renewed(holder, id),
          () => "no renewal was answered",
          60_000,
        );
      },
    );
  },
});

async function leaderOf(
  servers: readonly ConsulServer[],
): Promise<ConsulServer> {
  const named = String(await servers[0]?.ask("GET", "status/leader"));
  const leader = servers.find(({ peerPort }) => named.endsWith(`:${peerPort}`));
  assert.ok(leader !== undefined, named);
  return leader;
}

/** While there is no leader Consul answers 500. */
async function renewed(
  dcs: DcsConsul,
  id: Parameters<DcsConsul["renewSession"]>[0],
): Promise<boolean> {
  const answer = await dcs.renewSession(id, LIMITS).catch(() => null);
  assert.notEqual(answer, "gone");
  return answer === "alive";
}

async function wrote(dcs: DcsConsul): Promise<boolean> {
  return await put(dcs, "config", "{}").then(() => true, () => false);
}
