import { MemoryDcs } from "../sim/dcs_memory.ts";
import { MemoryStore } from "../sim/dcs_memory_store.ts";
import { RealClock } from "./dcs_clock.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dcsSuite } from "./dcs_suite.ts";

function open(expiry: "store" | "observers"): Promise<DcsFixture> {
  const store = new MemoryStore(new RealClock(), expiry);
  const clients: MemoryDcs[] = [];
  return Promise.resolve({
    connect: (scopePath) => {
      const dcs = new MemoryDcs(store, scopePath);
      clients.push(dcs);
      return dcs;
    },
    freeze: () => Promise.resolve(store.freeze()),
    thaw: () => Promise.resolve(store.thaw()),
    cutConnections: () => {
      for (const dcs of clients) dcs.cutOff();
      for (const dcs of clients) dcs.heal();
      return Promise.resolve();
    },
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: () => Promise.resolve(store.close()),
  });
}

dcsSuite("the memory twin", { open: () => open("store"), skipReason: null });

dcsSuite("the memory twin whose observers time sessions", {
  open: () => open("observers"),
  skipReason: null,
});
