/**
 * Every fault that the bench knows, by name, and what must come of it when it
 * strikes the leader alone and lasts longer than the lease.
 */
import assert from "node:assert/strict";
import type { FaultBench } from "./bench.ts";
import { jumpClock } from "./faults/clock.ts";
import {
  fillDisk,
  fillWalDisk,
  removeData,
  slowFsync,
} from "./faults/disks.ts";
import {
  freeze,
  freezeHost,
  kill,
  loseHost,
  stopAgent,
} from "./faults/processes.ts";
import { freezeEtcd, freezeEtcdLeader, killEtcd } from "./faults/store.ts";
import {
  cutFromEtcd,
  cutFromMembers,
  deafenMember,
  delayFrames,
  isolate,
  loseFrames,
  muteMember,
  stealAddress,
} from "./faults/wires.ts";
import type { BenchMember } from "./member.ts";
import type { Undo } from "./undo.ts";

/** What a fault of the leader must lead to. */
export type Outcome =
  /** The same member leads, now and afterwards. */
  | "it goes on leading"
  | "another leads"
  | "nobody is a primary"
  /** Either of the first two; what counts is that it heals. */
  | "it heals";

/** A way to break something. */
export interface Fault {
  readonly name: string;
  readonly strike: (bench: FaultBench, target: BenchMember) => Promise<Undo>;
  readonly outcome: Outcome;
}

const CLOCK_JUMP_SECONDS = 300;

const ON = "it goes on leading";
const OTHER = "another leads";
const NOBODY = "nobody is a primary";

type Strike = Fault["strike"];

/** A fault that is done at once. */
function now(strike: (target: BenchMember) => Undo): Strike {
  return (_, target) => Promise.resolve(strike(target));
}

function onMember(strike: (target: BenchMember) => Promise<Undo>): Strike {
  return (_, target) => strike(target);
}

const TABLE: readonly (readonly [string, Outcome, Strike])[] = [
  ["agent killed", OTHER, now((m) => kill(m, "agent"))],
  ["agent frozen", OTHER, now((m) => freeze(m, "agent"))],
  ["agent stopped", OTHER, now(stopAgent)],
  ["proxy killed", ON, now((m) => kill(m, "proxy"))],
  ["proxy frozen", ON, now((m) => freeze(m, "proxy"))],
  ["postmaster killed", "it heals", now((m) => kill(m, "postmaster"))],
  ["postmaster frozen", "it heals", now((m) => freeze(m, "postmaster"))],
  ["host lost", OTHER, loseHost],
  ["host frozen", OTHER, onMember(freezeHost)],
  ["cut off from etcd", OTHER, cutFromEtcd],
  ["cut off from the other members", ON, cutFromMembers],
  ["cut off from everything", OTHER, isolate],
  ["sends nothing", OTHER, muteMember],
  ["hears nothing", OTHER, deafenMember],
  ["500 ms delay", "it heals", delayFrames],
  ["20 % packet loss", "it heals", loseFrames],
  ["etcd minority frozen", ON, (bench) => freezeEtcd(bench, 1)],
  ["etcd leader frozen", ON, freezeEtcdLeader],
  ["etcd majority frozen", NOBODY, (bench) => freezeEtcd(bench, 2)],
  ["all of etcd frozen", NOBODY, (bench) => freezeEtcd(bench, 3)],
  ["all of etcd killed", NOBODY, killEtcd],
  ["data disk full", "it heals", onMember((m) => fillDisk(m.dataDisk))],
  ["WAL disk full", OTHER, fillWalDisk],
  ["data directory removed", OTHER, onMember(removeData)],
  ["slow fsync", ON, onMember(slowFsync)],
  [
    "clock five minutes ahead",
    ON,
    onMember((m) => jumpClock(m, CLOCK_JUMP_SECONDS)),
  ],
  [
    "clock five minutes back",
    ON,
    onMember((m) => jumpClock(m, -CLOCK_JUMP_SECONDS)),
  ],
  [
    "VIP taken by another host",
    ON,
    (bench) => stealAddress(bench, bench.client, bench.vip),
  ],
];

/** All faults that the bench knows. */
export const FAULTS: readonly [Fault, ...Fault[]] = catalogue();

function catalogue(): readonly [Fault, ...Fault[]] {
  const [first, ...rest] = TABLE.map(([name, outcome, strike]) => ({
    name,
    outcome,
    strike,
  }));
  assert.ok(first !== undefined);
  return [first, ...rest];
}
