/** Documents on a server in memory keep what every store promises. */
import { DocumentDcs } from "../../lib/dcs/document/document_dcs.ts";
import {
  MemoryDocumentServer,
  MemoryDocumentStore,
} from "../helpers/memory_document_server.ts";
import { RealClock } from "./dcs_clock.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dcsSuite } from "./dcs_suite.ts";

const random = { next: Math.random };

function open(): Promise<DcsFixture> {
  const clock = new RealClock();
  const server = new MemoryDocumentServer(clock);
  const stores: MemoryDocumentStore[] = [];
  return Promise.resolve({
    connect: (scopePath) => {
      const store = new MemoryDocumentStore(server, scopePath);
      stores.push(store);
      return new DocumentDcs({ store, clock, random });
    },
    freeze: () => Promise.resolve(server.freeze()),
    thaw: () => Promise.resolve(server.thaw()),
    cutConnections: () => {
      for (const { faults } of stores) faults.isBroken = true;
      return Promise.resolve();
    },
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

dcsSuite("a server of documents", { open, skipReason: null });
