import assert from "node:assert/strict";
import type { HostFacts } from "../ports/setup.ts";
import { GOOD_FACTS } from "../../tests/helpers/setup_world.ts";
import { checkHost, type HostWish } from "./checks.ts";

const WISH: HostWish = {
  address: "10.0.0.11",
  user: "postgres",
  dataDir: "/var/lib/matriarch/data",
  storeDir: "/var/lib/matriarch/etcd",
  pgBin: null,
  postgresMajor: null,
  vip: null,
  isStarted: true,
  isAdopted: false,
  isWitness: false,
  mayMakeUser: false,
};

const CASES: readonly (readonly [
  string,
  Partial<HostFacts>,
  Partial<HostWish>,
  RegExp,
])[] = [
  ["no user", { user: null }, {}, /There is no user postgres/],
  ["not root", { isRoot: false }, {}, /Only root can write a service/],
  [
    "another host's address",
    {},
    { address: "10.0.0.99" },
    /No interface of this host has the address 10.0.0.99: it has 10.0.0.11/,
  ],
  ["no PostgreSQL", { postgres: [] }, {}, /There is no PostgreSQL/],
  [
    "half a PostgreSQL",
    { postgres: [{ folder: "/x", major: 15, missing: ["initdb"] }] },
    {},
    /\/x lacks initdb/,
  ],
  [
    "an old PostgreSQL",
    { postgres: [{ folder: "/x", major: 12, missing: [] }] },
    {},
    /PostgreSQL 12 is on this host; wanted is 13 or newer/,
  ],
  [
    "another version",
    {},
    { postgresMajor: 16 },
    /wanted is 16, as the cluster/,
  ],
  [
    "a taken port",
    { taken: [{ port: 5000, program: "haproxy (process 7)" }] },
    {},
    /Port 5000 is taken by haproxy \(process 7\)/,
  ],
  [
    "a port of nobody",
    { taken: [{ port: 5432, program: null }] },
    {},
    /Port 5432 is taken by another program/,
  ],
  [
    "data that is there",
    { dataDirectory: { kind: "postgres", isRunning: false } },
    {},
    /has a PostgreSQL data directory already, which is left alone/,
  ],
  ["other files", { dataDirectory: { kind: "other" } }, {}, /is not empty/],
  ["a full disk", { freeBytes: 1024 ** 2 }, {}, /Only 1 MiB are free/],
  ["no systemd", { hasSystemd: false }, {}, /systemd does not run here/],
  [
    "no arping",
    { missingVipPrograms: ["arping"] },
    { vip: "10.0.0.10" },
    /A virtual address needs arping/,
  ],
  [
    "Patroni",
    { managers: ["patroni (process 9)"] },
    {},
    /patroni \(process 9\) runs on this host/,
  ],
];

for (const [what, facts, wish, expected] of CASES) {
  Deno.test(`checkHost() tells of ${what}`, () => {
    const { problems } = checkHost(
      { ...GOOD_FACTS, ...facts },
      { ...WISH, ...wish },
    );
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", expected);
  });
}

Deno.test("checkHost() tells everything at once", () => {
  const facts = CASES.reduce<HostFacts>(
    (all, [, more]) => ({ ...all, ...more }),
    GOOD_FACTS,
  );
  const wish = { ...WISH, address: "10.0.0.99", vip: "10.0.0.10" };
  assert.equal(checkHost(facts, wish).problems.length, 9);
});

Deno.test("checkHost() chooses the newest PostgreSQL that is whole", () => {
  const postgres = [
    { folder: "/15", major: 15, missing: [] },
    { folder: "/17", major: 17, missing: ["initdb"] },
    { folder: "/16", major: 16, missing: [] },
  ];
  const seen = checkHost({ ...GOOD_FACTS, postgres }, WISH);
  assert.equal(seen.postgres?.folder, "/16");
  assert.equal(seen.interface, "eth0");
  assert.deepEqual(seen.problems, []);
});

Deno.test("checkHost() notes what is only good to know", () => {
  const facts = {
    ...GOOD_FACTS,
    isClockKept: false,
    hasWatchdog: false,
    freeBytes: 1024 ** 3,
  };
  const { notes, problems } = checkHost(facts, WISH);
  assert.equal(notes.length, 3);
  assert.deepEqual(problems, []);
});
