/**
 * Every small observation of a member with a record, an entry and a leader gets a
 * decision, and none that breaks the promise. The order of the steps stands in
 * pledge_step_test.ts, and what comes of it in tests/model.
 */
import assert from "node:assert/strict";
import {
  HERE,
  observation,
  primary,
  replica,
  stopped,
  unlocked,
} from "../../../tests/helpers/builders.ts";
import {
  ABLE,
  emptied,
  HEARD,
  remembered,
  SILENT,
  standing,
  TAKEOVER_ON,
  TERM,
  voters,
} from "../../../tests/helpers/pledge_builders.ts";
import { assertDeclared } from "../../../tests/helpers/rule_table.ts";
import { lsn, moment, revision } from "../base/units.ts";
import { decide, sectionOf } from "../decide.ts";
import type { ClusterView } from "../model/cluster_view.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import type { PledgeKey, PledgeRecord } from "../model/pledge.ts";
import type { PledgeView } from "../model/pledge_view.ts";

const RECORDS: readonly PledgeRecord[] = [
  { kind: "missing" },
  { kind: "behind" },
  { kind: "none" },
  { kind: "pledged", term: TERM },
  { kind: "pledged", term: revision(9) },
];

const OWN: readonly (PledgeKey | null)[] = [
  null,
  emptied("n2"),
  standing("n2", HERE, revision(9)),
  standing("n2"),
];

const OTHER: readonly (PledgeKey | null)[] = [
  null,
  standing("n3", lsn(HERE - 1n)),
  standing("n3", lsn(HERE + 1n)),
];

const WRITTEN: readonly PledgeView["written"][] = [
  { kind: "unknown" },
  { kind: "sent", guard: null },
  { kind: "sent", guard: revision("e-n2") },
];

const SOUNDS: readonly PledgeView["sound"][] = [null, HEARD, SILENT];

const INSTANCES: readonly Observation["postgres"][] = [
  replica(),
  primary(),
  stopped({ isStandby: true }),
  { kind: "empty" },
];

const FLAGS = ["on", "off", "paused", "stale", "consented", "busy"] as const;

function* observations(): Generator<Observation> {
  for (const record of RECORDS) {
    for (const own of OWN) {
      for (const other of OTHER) {
        const pledges = [own, other].filter((key) => key !== null);
        for (const view of viewsOf(pledges)) {
          yield* variants({ record, pledges, view });
        }
      }
    }
  }
}

interface Scope {
  readonly record: PledgeRecord;
  readonly pledges: readonly PledgeKey[];
  readonly view: ClusterView;
}

function* variants({ record, pledges, view }: Scope): Generator<Observation> {
  for (const written of WRITTEN) {
    for (const sound of SOUNDS) {
      for (const source of ["open", "closed"] as const) {
        const position = source === "open" ? null : { timeline: 1, lsn: HERE };
        const isCaughtUp = pledges.length < 2;
        const own = { record, written, sound, source, position, isCaughtUp };
        for (const postgres of INSTANCES) {
          for (const flag of FLAGS) {
            const pledge = { ...ABLE, ...own };
            yield build({ pledge, view, postgres, flag, pledges });
          }
        }
      }
    }
  }
}

function viewsOf(pledges: readonly PledgeKey[]): readonly ClusterView[] {
  return [
    voters({ pledges }),
    unlocked({ ...voters({ pledges }), leader: null }),
  ];
}

function build({ pledge, view, postgres, flag, pledges }: {
  readonly pledge: PledgeView;
  readonly view: ClusterView;
  readonly postgres: Observation["postgres"];
  readonly flag: typeof FLAGS[number];
  readonly pledges: readonly PledgeKey[];
}): Observation {
  const { settings } = TAKEOVER_ON;
  return observation({
    ...{ view, postgres },
    ...remembered(pledges, 5_000),
    settings: {
      ...settings,
      takeover: flag === "off" ? null : settings.takeover,
      isPaused: flag === "paused",
    },
    pledge: {
      ...pledge,
      isViewFresh: flag !== "stale",
      hasConsented: flag === "consented",
    },
    ...(flag === "busy"
      ? {
        task: {
          kind: "running",
          task: { kind: "follow", upstream: "n1" },
          startedAt: moment(1),
        },
      }
      : {}),
  });
}

interface Sight {
  readonly o: Observation;
  readonly d: Decision;
  readonly pledge: PledgeView;
  /** The present term was promised, and the leader is another one. */
  readonly isBound: boolean;
}

const LAWS: readonly (readonly [string, (sight: Sight) => boolean])[] = [
  [
    "who has promised opens its source in no way",
    ({ d, isBound, o }) => {
      if (!isBound || o.task.kind === "running") return true;
      if (d.kind !== "start_task") return d.kind !== "trust_timeline";
      const { task } = d;
      return task.kind === "demote" ||
        task.kind === "start" && task.as === "standby" &&
          task.upstream === null;
    },
  ],
  [
    "without the setting, in pause, or after a consent nobody begins",
    ({ d, o, pledge }) =>
      o.settings.takeover !== null && !o.settings.isPaused &&
        !pledge.hasConsented || !begins(d),
  ],
  [
    "only a silent leader is pledged against",
    ({ d, pledge }) => pledge.sound === SILENT || !begins(d),
  ],
  [
    "an entry stands on a record and a closed source",
    ({ d, pledge, isBound }) =>
      d.kind !== "write_pledge" || d.pledge === null ||
      isBound && pledge.source === "closed" && pledge.isViewFresh &&
        d.pledge.lsn === pledge.position?.lsn && d.pledge.term === TERM,
  ],
  [
    "a record goes only when the entry is empty behind the last write, or the term is over",
    ({ d, o, pledge, isBound }) => {
      const isTaken = d.kind === "write_pledge_record" && isBound;
      if (!isTaken) return true;
      const own = ownEntry(o);
      return pledge.isViewFresh && own !== null && own.pledge === null &&
        pledge.written.kind === "sent" && pledge.written.guard !== own.revision;
    },
  ],
  [
    "a key is taken by one whose own pledge stands, and who is highest",
    ({ d, o, pledge, isBound }) =>
      d.kind !== "take_lease" ||
      isBound && pledge.isViewFresh && pledge.source === "closed" &&
        ownEntry(o)?.pledge?.term === TERM && d.take.pledges.length === 2 &&
        d.take.pledges.some(({ name }) => name === "n2"),
  ],
  [
    "only who streams has caught up",
    ({ d, o, pledge }) =>
      d.kind !== "write_pledge_record" || pledge.record.kind !== "behind" ||
      pledge.isCaughtUp && o.postgres.kind === "running" &&
        o.postgres.role === "replica" && o.postgres.isStreaming,
  ],
  [
    "a guard is the revision that was seen",
    ({ d, o }) =>
      d.kind !== "write_pledge" || d.guard === (ownEntry(o)?.revision ?? null),
  ],
];

function begins(d: Decision): boolean {
  return d.kind === "take_lease" || d.kind === "close_source" ||
    d.kind === "write_pledge" && d.pledge !== null ||
    d.kind === "write_pledge_record" && d.record.kind === "pledged";
}

function ownEntry(o: Observation): PledgeKey | null {
  const view = o.dcs.kind === "reachable" ? o.dcs.view : null;
  return view?.pledges.find(({ name }) => name === "n2") ?? null;
}

function isBound(o: Observation, { record }: PledgeView): boolean {
  const leader = o.dcs.kind === "reachable" ? o.dcs.view.leader : null;
  return record.kind === "pledged" && record.term === leader?.revision;
}

Deno.test("decide() keeps every promise of a voter", () => {
  const broken = new Map<string, string>();
  const kinds = new Set<string>();
  let seen = 0;
  for (const o of observations()) {
    seen++;
    const { pledge } = o;
    assert.ok(pledge !== null);
    const { rule, decision: d } = decide(o);
    assertDeclared(rule, d);
    if (sectionOf(o).name === "TAKEOVER") kinds.add(d.kind);
    const sight = { o, d, pledge, isBound: isBound(o, pledge) };
    for (const [law, holds] of LAWS) {
      if (holds(sight) || broken.has(law)) continue;
      const shown = {
        rule,
        d,
        pledge,
        entries: ownEntry(o),
        postgres: o.postgres.kind,
      };
      broken.set(law, Deno.inspect(shown, { depth: 6 }));
    }
  }
  assert.ok(seen > 50_000, `only ${seen} observations`);
  assert.deepEqual([...broken], []);
  const wanted = "look_afresh write_pledge_record close_source write_pledge " +
    "take_lease wait start_task";
  for (const kind of wanted.split(" ")) assert.ok(kinds.has(kind), kind);
});
