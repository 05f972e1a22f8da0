/** Strict synchronous mode without candidates, in both modes, step by step. */
import assert from "node:assert/strict";
import {
  cluster,
  leaderMember,
  member,
  primary,
} from "../../../../tests/helpers/builders.ts";
import { revision } from "../../base/units.ts";
import { NO_TAGS } from "../../model/member.ts";
import {
  DEFAULT_SETTINGS,
  type SynchronousMode,
} from "../../model/settings.ts";
import { NOBODY, parseStandbys } from "./standby_names.ts";
import { planBeforePromotion, planSynchronous } from "./sync_standbys.ts";

interface Scene {
  readonly mode: Exclude<SynchronousMode, "off">;
  readonly leader: string | null;
  readonly standbys: readonly string[];
  readonly quorum?: number;
  readonly names: string;
  readonly nosync?: readonly string[];
  readonly areNamesInForce?: boolean;
}

/** What is left when the planner has nothing to do any more. */
interface End {
  readonly names: string;
  readonly standbys: readonly string[];
}

type Phase = "promoting" | "leading";

function settle(scene: Scene, phase: Phase): End {
  let names = scene.names;
  let sync = {
    leader: scene.leader,
    quorum: scene.quorum ?? 0,
    standbys: scene.standbys,
    revision: revision(1),
  };
  for (let step = 0; step < 9; step++) {
    const settings = {
      ...DEFAULT_SETTINGS,
      synchronousMode: scene.mode,
      isSynchronousModeStrict: true,
    };
    const nosync = scene.nosync ?? [];
    const view = cluster({
      members: [
        leaderMember("p"),
        ...nosync.map((n) =>
          member(n, { tags: { ...NO_TAGS, isNosync: true } })
        ),
      ],
      sync,
    });
    const facts = { synchronousStandbyNames: names, areStandbysManaged: true };
    const decision = phase === "promoting"
      ? planBeforePromotion({
        self: "p",
        settings,
        view,
        ...facts,
        areNamesInForce: scene.areNamesInForce ?? true,
      })
      : planSynchronous({
        self: "p",
        settings,
        view,
        postgres: primary(facts),
        isWriteUncertain: false,
      });
    if (decision === null) return { names, standbys: sync.standbys };
    if (decision.kind === "set_synchronous_standbys") {
      names = decision.value ?? "";
    } else if (decision.kind === "write_sync") {
      const { leader, standbys, quorum } = decision;
      sync = { ...sync, leader, standbys, quorum };
    } else assert.fail(decision.kind);
    const waited = parseStandbys(names).names;
    const isHonest = sync.leader !== "p" || scene.mode === "quorum" ||
      sync.standbys.every((name) => waited.includes(name));
    assert.ok(isHonest, `[${sync.standbys}] beside '${names}'`);
  }
  assert.fail("the planner never ends");
}

const OWN = { leader: "p", standbys: ["a", "b"] };
const ROWS: readonly (readonly [string, Scene, Phase, End])[] = [
  [
    "on: both left, the names and the key stay",
    { mode: "on", ...OWN, names: "2 (a,b)" },
    "leading",
    { names: "2 (a,b)", standbys: ["a", "b"] },
  ],
  [
    "on: one of them must not be synchronous any more",
    { mode: "on", ...OWN, names: "2 (a,b)", nosync: ["b"] },
    "leading",
    { names: "a", standbys: ["a"] },
  ],
  [
    "on: nobody is known",
    { mode: "on", leader: "p", standbys: [], names: "" },
    "leading",
    { names: NOBODY, standbys: [] },
  ],
  [
    "on: an older version waited for anybody",
    { mode: "on", leader: "p", standbys: [], names: "*" },
    "leading",
    { names: NOBODY, standbys: [] },
  ],
  [
    "on: the placeholder is no member",
    { mode: "on", leader: "p", standbys: [], names: NOBODY },
    "leading",
    { names: NOBODY, standbys: [] },
  ],
  [
    "on: a new leader waits for the old one and its replicas",
    { mode: "on", leader: "x", standbys: ["a", "p"], names: "" },
    "promoting",
    { names: "2 (a,x)", standbys: [] },
  ],
  [
    "on: and goes on when it leads",
    { mode: "on", leader: "p", standbys: [], names: "2 (a,x)" },
    "leading",
    { names: "2 (a,x)", standbys: [] },
  ],
  [
    "on: names of an earlier term do not count under another leader's key",
    { mode: "on", leader: "x", standbys: ["p"], names: "old" },
    "promoting",
    { names: "x", standbys: [] },
  ],
  [
    "on: without a key nobody is known before a promotion",
    { mode: "on", leader: null, standbys: [], names: "" },
    "promoting",
    { names: NOBODY, standbys: [] },
  ],
  [
    "quorum: both left, the names and the key stay",
    { mode: "quorum", ...OWN, quorum: 1, names: "ANY 1 (a,b)" },
    "leading",
    { names: "ANY 1 (a,b)", standbys: ["a", "b"] },
  ],
  [
    "quorum: nobody is known",
    { mode: "quorum", leader: "p", standbys: [], names: "" },
    "leading",
    { names: `ANY 1 (${NOBODY})`, standbys: [] },
  ],
  [
    "quorum: all are nosync now",
    {
      mode: "quorum",
      ...OWN,
      quorum: 1,
      names: "ANY 1 (a,b)",
      nosync: ["a", "b"],
    },
    "leading",
    { names: `ANY 1 (${NOBODY})`, standbys: [] },
  ],
  [
    "quorum: without a key nobody is known before a promotion",
    { mode: "quorum", leader: null, standbys: [], names: "" },
    "promoting",
    { names: `ANY 1 (${NOBODY})`, standbys: [] },
  ],
  [
    "quorum: a new leader waits for the key's other members, who keep their votes",
    { mode: "quorum", leader: "x", quorum: 1, standbys: ["a", "p"], names: "" },
    "promoting",
    { names: "ANY 1 (a,x)", standbys: ["a", "p"] },
  ],
  [
    "quorum: and lose them if that is not in force",
    {
      mode: "quorum",
      leader: "x",
      quorum: 1,
      standbys: ["a", "p"],
      names: "",
      areNamesInForce: false,
    },
    "promoting",
    { names: "ANY 1 (a,x)", standbys: [] },
  ],
];

for (const [name, scene, phase, end] of ROWS) {
  Deno.test(`strict synchronous mode without candidates: ${name}`, () => {
    assert.deepEqual(settle(scene, phase), end);
  });
}
