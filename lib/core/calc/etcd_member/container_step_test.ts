import assert from "node:assert/strict";
import type {
  ContainerGreeting,
  ContainerObservation,
  ContainerStep,
} from "../../model/container.ts";
import type { EtcdMember, EtcdView } from "../../model/etcd_member.ts";
import { goneContainer, nextContainerStep } from "./container_step.ts";

const FOUNDERS = ["a", "b", "c"];

function member(id: string, change: Partial<EtcdMember> = {}): EtcdMember {
  const name = "-abcde"[Number(id)] ?? "";
  return {
    ...{ id, name, peerUrl: `https://${name}:2380`, isLearner: false },
    clientUrls: [`https://${name}:2379`],
    ...change,
  };
}

function view(...members: readonly EtcdMember[]): EtcdView {
  return { clusterId: "77", members };
}

function says(
  name: string,
  change: Partial<ContainerGreeting> = {},
): ContainerGreeting {
  return {
    cluster: "main",
    name,
    founders: FOUNDERS,
    state: "empty",
    ...change,
  };
}

/** Container b with an empty volume, which nobody answers. */
function container(
  change: Partial<ContainerObservation> = {},
): ContainerObservation {
  return {
    cluster: "main",
    self: { name: "b", peerUrl: "https://b:2380" },
    ...{ founders: FOUNDERS, order: null, hasData: false, agreed: null },
    ...{ alive: [], greetings: [] },
    ...change,
  };
}

const ALL = view(member("1"), member("2"), member("3"));
const IS_MEMBER = {
  order: { kind: "member", clusterId: "77", memberId: "2" },
  hasData: true,
} as const;

const CASES: readonly (readonly [
  string,
  ContainerObservation,
  ContainerStep,
])[] = [
  [
    "founds when all others are empty",
    container({
      greetings: [says("a"), says("c")],
    }),
    { kind: "found" },
  ],
  [
    "founds with those who have just decided it",
    container({
      greetings: [says("a", { state: "founding" }), says("c")],
    }),
    { kind: "found" },
  ],
  [
    "never founds while one is silent",
    container({
      greetings: [says("a")],
    }),
    { kind: "wait", what: { kind: "founders", silent: ["c"] } },
  ],
  [
    "never founds beside one that was a member",
    container({
      greetings: [says("a"), says("c", { state: "member" })],
    }),
    { kind: "wait", what: { kind: "cluster", members: ["c"] } },
  ],
  [
    "never founds with others than it names",
    container({
      greetings: [says("a", { founders: ["a", "b"] }), says("c")],
    }),
    { kind: "wait", what: { kind: "other_plan", names: ["a"] } },
  ],
  [
    "never founds with another cluster",
    container({
      greetings: [says("a"), says("c", { cluster: "other" })],
    }),
    { kind: "wait", what: { kind: "other_plan", names: ["c"] } },
  ],
  [
    "one that is no founder waits for the cluster",
    container({
      founders: ["a", "c"],
      greetings: [says("a"), says("c")],
    }),
    { kind: "wait", what: { kind: "cluster", members: ["a", "c"] } },
  ],
  ["one alone founds by itself", container({ founders: ["b"] }), {
    kind: "found",
  }],
  [
    "joins a cluster that does not know it",
    container({
      agreed: view(member("1"), member("3")),
    }),
    { kind: "join" },
  ],
  [
    "takes a place that was made for it",
    container({
      agreed: view(member("1"), member("2", { name: "", isLearner: true })),
    }),
    { kind: "join" },
  ],
  [
    "the last founder comes in as such",
    container({
      agreed: view(member("1"), member("2", { name: "" }), member("3")),
    }),
    { kind: "found" },
  ],
  [
    "the last founder comes in as such, also if the others know its name",
    container({
      agreed: view(member("1"), member("2", { clientUrls: [] }), member("3")),
    }),
    { kind: "found" },
  ],
  [
    "the last founder of a list that has changed does not",
    container({
      agreed: view(member("1"), member("2", { name: "" }), member("4")),
      alive: ["1", "4"],
    }),
    { kind: "remove", memberId: "2" },
  ],
  [
    "a lost volume: the old member is taken out",
    container({
      agreed: ALL,
      alive: ["1", "3"],
    }),
    { kind: "remove", memberId: "2" },
  ],
  [
    "a lost volume: not if too few would run",
    container({
      agreed: ALL,
      alive: ["1"],
    }),
    { kind: "wait", what: { kind: "quorum" } },
  ],
  [
    "a living namesake is left alone",
    container({
      agreed: ALL,
      alive: ["1", "2", "3"],
    }),
    { kind: "wait", what: { kind: "namesake" } },
  ],
  ["a member with its data goes on", container(IS_MEMBER), { kind: "go" }],
  [
    "a member goes on beside the others",
    container({
      ...IS_MEMBER,
      agreed: ALL,
    }),
    { kind: "go" },
  ],
  [
    "a member that was taken out comes in anew",
    container({
      ...IS_MEMBER,
      agreed: view(member("1"), member("3")),
    }),
    { kind: "rejoin" },
  ],
  [
    "another cluster is no place to come in anew",
    container({
      ...IS_MEMBER,
      agreed: { ...ALL, clusterId: "78" },
    }),
    { kind: "go" },
  ],
  [
    "a member whose data alone are gone waits for a majority",
    container({
      ...IS_MEMBER,
      hasData: false,
    }),
    { kind: "wait", what: { kind: "cluster", members: ["a", "c"] } },
  ],
  [
    "a member whose data alone are gone is replaced",
    container({
      ...IS_MEMBER,
      hasData: false,
      agreed: ALL,
      alive: ["1", "3"],
    }),
    { kind: "remove", memberId: "2" },
  ],
  [
    "a founder that has not started goes on",
    container({
      order: { kind: "found", members: [] },
      agreed: view(member("1"), member("2", { name: "" }), member("3")),
    }),
    { kind: "go" },
  ],
  [
    "a founder that has not started goes on, whose name the others know",
    container({
      order: { kind: "found", members: [] },
      agreed: view(member("1"), member("2", { clientUrls: [] }), member("3")),
    }),
    { kind: "go" },
  ],
  ["data without an order go on", container({ hasData: true }), { kind: "go" }],
];

for (const [name, observation, expected] of CASES) {
  Deno.test(`container: ${name}`, () => {
    assert.deepEqual(nextContainerStep(observation), expected);
  });
}

Deno.test("container: whatever others say, an empty volume founds only if all are empty", () => {
  const states = ["empty", "founding", "member", null] as const;
  for (const a of states) {
    for (const c of states) {
      const greetings = [
        ...(a === null ? [] : [says("a", { state: a })]),
        ...(c === null ? [] : [says("c", { state: c })]),
      ];
      const { kind } = nextContainerStep(container({ greetings }));
      const isNone = (state: typeof a) =>
        state === "empty" || state === "founding";
      assert.equal(kind === "found", isNone(a) && isNone(c), `${a}, ${c}`);
    }
  }
});

Deno.test("container: an added one that is gone is taken out, a founder never", () => {
  const five = view(...["1", "2", "3", "4", "5"].map((id) => member(id)));
  assert.equal(goneContainer(five, FOUNDERS, ["4"])?.id, "4");
  assert.equal(goneContainer(five, FOUNDERS, ["4", "5"])?.id, "4");
  assert.equal(goneContainer(five, FOUNDERS, ["3"]), null);
  assert.equal(goneContainer(five, FOUNDERS, ["3", "4", "5"]), null);
  const added = view(member("1"), member("4", { name: "", isLearner: true }));
  assert.equal(goneContainer(added, FOUNDERS, ["4"]), null);
});
