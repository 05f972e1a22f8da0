import { DcsConsul } from "../../lib/adapters/consul/dcs_consul.ts";
import { ConsulServer } from "../helpers/consul.ts";
import { consulSkipReason } from "../helpers/consul_program.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { consulOptions } from "./dcs_consul_access.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dcsSuite } from "./dcs_suite.ts";

/** All connections go through a link that can cut them. */
async function open(): Promise<DcsFixture> {
  const server = await ConsulServer.start();
  const link = new SeverableLink(server.port);
  const endpoint = `http://127.0.0.1:${link.port}`;
  return {
    connect: (scopePath) =>
      new DcsConsul(consulOptions({ endpoint, scopePath })),
    freeze: () => Promise.resolve(server.freeze()),
    thaw: () => Promise.resolve(server.thaw()),
    cutConnections: () => Promise.resolve(link.cut()),
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

dcsSuite("Consul", { open, skipReason: consulSkipReason() });
