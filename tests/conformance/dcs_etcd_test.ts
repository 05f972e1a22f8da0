import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import { EtcdServers, etcdSkipReason } from "../helpers/etcd.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { RealClock } from "./dcs_clock.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dcsSuite } from "./dcs_suite.ts";

/** Half of the clients' connections go through a link that can cut them. */
async function open(): Promise<DcsFixture> {
  const servers = await EtcdServers.start();
  const [endpoint = ""] = servers.endpoints;
  const link = new SeverableLink(Number(new URL(endpoint).port));
  const endpoints = [`http://127.0.0.1:${link.port}`];
  const clock = new RealClock();
  return {
    connect: (scopePath) =>
      new DcsEtcd({ endpoints, isProxied: true, scopePath, clock }),
    freeze: () => Promise.resolve(servers.freeze()),
    thaw: () => Promise.resolve(servers.thaw()),
    cutConnections: () => Promise.resolve(link.cut()),
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

dcsSuite("etcd", { open, skipReason: etcdSkipReason() });
