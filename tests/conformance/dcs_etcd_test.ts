import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import { EtcdServers, etcdSkipReason } from "../helpers/etcd.ts";
import { RealClock } from "./dcs_clock.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dcsSuite } from "./dcs_suite.ts";
import { PausableProxy } from "./dcs_tcp_proxy.ts";

/** Half of the clients' connections go through a proxy that can cut them. */
async function open(): Promise<DcsFixture> {
  const servers = await EtcdServers.start();
  const [endpoint = ""] = servers.endpoints;
  const proxy = new PausableProxy(Number(new URL(endpoint).port));
  const endpoints = [`http://127.0.0.1:${proxy.port}`];
  const clock = new RealClock();
  return {
    connect: (scopePath) =>
      new DcsEtcd({ endpoints, isProxied: true, scopePath, clock }),
    freeze: () => Promise.resolve(servers.freeze()),
    thaw: () => Promise.resolve(servers.thaw()),
    cutConnections: () => Promise.resolve(proxy.cut()),
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

dcsSuite("etcd", { open, skipReason: etcdSkipReason() });
