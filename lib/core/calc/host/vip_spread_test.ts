import assert from "node:assert/strict";
import { spreadAddresses } from "./vip_spread.ts";

const NAMES = ["n1", "n2", "n3", "n4", "n5"];
const ADDRESSES = [1, 2, 3, 4, 5, 6, 7].map((n) => `10.0.0.${n}`);

Deno.test("spreadAddresses() gives each address one replica, and none much more than another", () => {
  for (let replicas = 1; replicas <= NAMES.length; replicas++) {
    for (let count = 0; count <= ADDRESSES.length; count++) {
      const names = NAMES.slice(0, replicas);
      const owners = spreadAddresses(ADDRESSES.slice(0, count), names);
      assert.equal(owners.length, count);
      const loads = names.map((name) =>
        owners.filter((owner) => owner === name).length
      );
      assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, loads.join());
    }
  }
});

Deno.test("spreadAddresses() without replicas gives nobody anything", () => {
  assert.deepEqual(spreadAddresses(ADDRESSES, []), []);
});

Deno.test("spreadAddresses() does not go by the order of the names", () => {
  const owners = spreadAddresses(ADDRESSES, NAMES);
  assert.deepEqual(owners, spreadAddresses(ADDRESSES, NAMES.toReversed()));
});
