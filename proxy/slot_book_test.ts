/** Backends that come and go, as pods do whose address changes: each is counted by itself. */
import assert from "node:assert/strict";
import type { Backend } from "../lib/core/model/routes.ts";
import { Ledger } from "./ledger.ts";
import { ServerPlaces } from "./server_places.ts";

const ROUTES = ["primary", "replica"] as const;
const COUNT = 500;

Deno.test("slots: hundreds of servers are told apart on each route", () => {
  const ledger = Ledger.alone(ROUTES);
  const places = ServerPlaces.alone(ROUTES, { perServerMax: 2, lineMax: 0 });
  const backends = Array.from({ length: COUNT }, (_, at): Backend => ({
    name: "n1",
    host: `10.0.${at >> 8}.${at & 255}`,
    port: 5432,
    via: "address",
  }));
  for (const backend of backends) {
    for (const route of ROUTES) {
      ledger.addTo(ledger.book.slotOf(route, backend), "sessions", 1);
      const server = ledger.book.serverOf(route, backend);
      assert.ok(places.take(server), `${route} ${backend.host}`);
    }
  }
  const told = ledger.sums.backends();
  assert.equal(told.length, COUNT * ROUTES.length);
  assert.ok(told.every(({ sessions }) => sessions === 1));
});
