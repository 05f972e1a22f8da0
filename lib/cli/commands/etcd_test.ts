import assert from "node:assert/strict";
import type { EtcdMember, EtcdStatus } from "../../core/model/etcd_member.ts";
import type { EtcdOrder } from "../../core/model/etcd_order.ts";
import type { EtcdTools } from "../context.ts";
import { CONFIG_PATH, runIn } from "../fake_context_test.ts";

const CONFIG = {
  [CONFIG_PATH]: "scope: demo\nname: a\netcd3: {managed: true, " +
    "data_dir: /var/lib/m/etcd, connect_address: 'a:2379'}\n",
};

/** An etcd in memory. */
interface FakeEtcd {
  readonly members: readonly EtcdMember[];
  /** Index of the newest entry by name; who is missing does not answer. */
  readonly alive: Readonly<Record<string, number>>;
  readonly order?: EtcdOrder;
  /** What happens while a command waits. */
  readonly onSleep?: () => void;
  /** How often it may wait; 9 by default. */
  readonly sleepsMax?: number;
  /** Whether an agent keeps it. */
  readonly isHeld?: boolean;
  /** How often another member has its turn when it is asked for. */
  readonly busy?: number;
  /** What the process that starts anew has otherwise than the file. */
  readonly differences?: readonly string[];
}

function member(name: string, change: Partial<EtcdMember> = {}): EtcdMember {
  return {
    ...{ id: String("abc".indexOf(name) + 1), name },
    ...{ peerUrl: `http://${name}:2380`, clientUrls: [`http://${name}:2379`] },
    isLearner: false,
    ...change,
  };
}

const THREE = ["a", "b", "c"].map((name) => member(name));

function toolsOf(
  { members, alive, order, isHeld, busy = 0, differences = [] }: FakeEtcd,
): {
  readonly tools: EtcdTools;
  readonly done: string[];
} {
  const done: string[] = [];
  let pid = 1;
  let isBusy = busy;
  let present: EtcdOrder | null = order ?? null;
  const hasQuorum = () => Object.keys(alive).length * 2 > members.length;
  const note = (text: string): Promise<void> => {
    done.push(text);
    return Promise.resolve();
  };
  const unused = (): Promise<never> => Promise.reject(new Error("unused"));
  const statusOf = (endpoint: string): EtcdStatus | null => {
    const one = members.find(({ clientUrls }) => clientUrls.includes(endpoint));
    const raftIndex = alive[one?.name ?? ""];
    return one === undefined || raftIndex === undefined ? null : {
      ...{ clusterId: "77", memberId: one.id, version: "3.5.16" },
      ...{ leaderId: hasQuorum() ? "1" : null, isLearner: one.isLearner },
      ...{ raftTerm: 2, raftIndex, revision: 1 },
      ...{ dbBytes: 2 ** 20, usedBytes: 2 ** 20 },
    };
  };
  const tools: EtcdTools = {
    admin: {
      status: (endpoint) => {
        const status = statusOf(endpoint);
        return status === null
          ? Promise.reject(new Error("silent"))
          : Promise.resolve(status);
      },
      members: (endpoint, listing) =>
        statusOf(endpoint) !== null && (hasQuorum() || listing === "local")
          ? Promise.resolve({ clusterId: "77", members })
          : Promise.reject(new Error("silent")),
      addLearner: (_, peerUrl) => note(`add ${peerUrl}`),
      remove: (_, id) => note(`remove ${id}`),
      saveSnapshot: (endpoint, path) => note(`save ${endpoint} ${path}`),
      ...{ promote: unused, full: unused, calm: unused },
      ...{ makeRoom: unused, defragment: unused },
    },
    turns: {
      inTurn: async (_, work) => {
        if (isBusy-- > 0) return false;
        done.push("turn");
        await work();
        return true;
      },
    },
    folder: {
      order: () => Promise.resolve(present),
      setOrder: (next) => {
        present = { kind: "member", clusterId: "77", memberId: "1" };
        return note(JSON.stringify(next));
      },
      isHeld: () => Promise.resolve(isHeld ?? false),
      knownEndpoints: () =>
        Promise.resolve(members.flatMap(({ clientUrls }) => clientUrls)),
    },
    snapshots: { next: () => Promise.resolve("/snapshots/s.db") },
    process: {
      running: () => Promise.resolve(pid),
      stop: () => {
        pid += 1;
        return note("stop");
      },
      differences: () => Promise.resolve(pid > 1 ? differences : []),
    },
    keep: (_, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          done.push("kept");
          resolve();
        });
      }),
  };
  return { tools, done };
}

async function etcd(
  fake: FakeEtcd,
  words: readonly string[],
  input: readonly string[] = [],
) {
  const { tools, done } = toolsOf(fake);
  const world = {
    ...{ files: CONFIG, etcd: tools, input, programName: "matriarch" },
    ...{ sleepsMax: fake.sleepsMax ?? 9, onSleep: () => fake.onSleep?.() },
  };
  const { code, out, err } = await runIn(world, ["etcd", ...words]);
  return { code, text: out + err, done };
}

const ALL = { members: THREE, alive: { a: 9, b: 9, c: 8 } };
const TWO = { members: THREE, alive: { a: 9, b: 9 } };
const ONE = { members: THREE, alive: { a: 9 } };

Deno.test("status shows the members, and ends with 1 without a quorum", async () => {
  const well = await etcd(ALL, ["status"]);
  assert.equal(well.code, 0, well.text);
  assert.match(well.text, /etcd cluster 4d/);
  assert.match(well.text, /\| a .*leader *\| running *\| 3\.5\.16 /);
  assert.match(well.text, /\| c .*voter *\| running/);
  const two = await etcd(TWO, ["status"]);
  assert.equal(two.code, 0, two.text);
  assert.match(two.text, /c does not answer; .*`matriarch etcd replace c`/);
  const one = await etcd(ONE, ["status"]);
  assert.equal(one.code, 1);
  assert.match(one.text, /quorum is lost: 1 of 3 .* on a, whose data go furth/);
  const none = await etcd({ members: THREE, alive: {} }, ["status"]);
  assert.equal(none.code, 1);
  assert.match(none.text, /No member of etcd answers/);
});

Deno.test("a lost member is taken out, and a place made for it", async () => {
  const forced = ["replace", "c", "--force"];
  assert.deepEqual((await etcd(TWO, forced)).done, [
    "remove 3",
    "add http://c:2380",
  ]);
  const moved = await etcd(TWO, [...forced, "--address", "d:2380"]);
  assert.deepEqual(moved.done, ["remove 3", "add http://d:2380"]);
  const wrong = await etcd(TWO, [...forced, "--address", "d"]);
  assert.match(wrong.text, /--address: wanted HOST:PORT/);
  assert.deepEqual(wrong.done, []);
  const asked = await etcd(TWO, ["remove", "c"], ["n"]);
  assert.match(asked.text, /Nothing was changed/);
  assert.deepEqual(asked.done, []);
  assert.deepEqual((await etcd(TWO, ["remove", "c"], ["y"])).done, [
    "remove 3",
  ]);
});

Deno.test("remove-host takes the host's member out, if the others can do without it", async () => {
  const removeHost = async (fake: FakeEtcd, name: string) => {
    const { tools, done } = toolsOf(fake);
    const { code, out, err } = await runIn({
      ...{ files: CONFIG, etcd: tools, keys: {}, programName: "matriarch" },
      sleepsMax: 9,
    }, ["remove-host", name, "--force"]);
    return { code, text: out + err, done };
  };
  const gone = await removeHost(TWO, "c");
  assert.equal(gone.code, 0, gone.text);
  assert.deepEqual(gone.done, ["remove 3"]);
  const needed = await removeHost(TWO, "b");
  assert.match(needed.text, /Without b too few members/);
  assert.doesNotMatch(needed.text, /b is out/);
  assert.deepEqual(needed.done, []);
  // Whoever is in no store is taken out of the scope alone.
  const stranger = await removeHost(TWO, "x");
  assert.equal(stranger.code, 0, stranger.text);
  assert.deepEqual(stranger.done, []);
});

Deno.test("no change costs the quorum, and a member that runs is not taken by mistake", async () => {
  for (
    const [fake, name, why] of [
      [TWO, "b", /Without b too few members/],
      [ONE, "b", /no quorum, so its members cannot be changed/],
      [ALL, "c", /c runs; whoever means .* --force/],
      [ALL, "x", /no member x, only a, b, c/],
    ] as const
  ) {
    const { code, text, done } = await etcd(fake, ["remove", name]);
    assert.equal(code, 1);
    assert.match(text, why);
    assert.deepEqual(done, []);
  }
});

Deno.test("a member that answers late, or an election, is not a loss", async () => {
  const alive: Record<string, number> = { a: 9 };
  const late = {
    ...{ members: THREE, alive },
    onSleep: () => {
      if ("c" in alive) alive["b"] = 9;
      alive["c"] = 9;
    },
  };
  const { code, text, done } = await etcd(late, ["remove", "b", "--force"]);
  assert.equal(code, 0, text);
  assert.deepEqual(done, ["remove 2"]);
});

Deno.test("a new cluster is only forced on the newest member, with a clear text", async () => {
  const force = ["restore", "--force-new-cluster"];
  assert.match((await etcd(ALL, force)).text, /nothing has to be forced/);
  const five = [...THREE, member("d", { id: "4" }), member("e", { id: "5" })];
  const behind = await etcd({ members: five, alive: { a: 9, b: 10 } }, force);
  assert.match(behind.text, /are not the newest: run this on b/);
  assert.deepEqual(behind.done, []);
  const done = await etcd(ONE, force, ["y"]);
  assert.equal(done.code, 0, done.text);
  assert.match(done.text, /must never come back with their data/);
  assert.deepEqual(done.done, ['{"kind":"force"}']);
});

Deno.test("orders are checked before they are given", async () => {
  const order: EtcdOrder = { kind: "member", clusterId: "77", memberId: "1" };
  const fake = { ...ONE, order };
  for (const words of [["found"], ["join", "b"]]) {
    assert.match((await etcd(fake, words)).text, /already has an order/);
  }
  assert.deepEqual((await etcd(fake, ["join", "b", "--discard"])).done, [
    '{"kind":"rejoin","through":["http://b:2379"]}',
  ]);
  assert.match((await etcd(ONE, ["join"])).text, /Whose cluster\?/);
  assert.match((await etcd(ONE, ["join", "b:x"])).text, /Wanted HOST/);
  assert.match((await etcd(ONE, ["restore", "s.db"])).text, /the whole path/);
  assert.equal((await etcd(ONE, ["restore"])).code, 2);
  assert.equal((await etcd(ONE, ["defragment"])).code, 2);
});

Deno.test("snapshots are of this host's member", async () => {
  const { done, text } = await etcd(ALL, ["snapshot"]);
  assert.deepEqual(done, ["save http://a:2379 /snapshots/s.db"]);
  assert.match(text, /Saved \/snapshots\/s\.db/);
});

Deno.test("a member is restarted in its turn, while the others are a quorum", async () => {
  const kept = { ...ALL, isHeld: true };
  const done = await etcd({ ...kept, busy: 3 }, ["restart"], ["y"]);
  assert.equal(done.code, 0, done.text);
  assert.match(done.text, /a runs again, with the settings of now/);
  assert.deepEqual(done.done, ["turn", "stop"]);

  const still = await etcd(
    { ...kept, differences: ["quota 1 instead of 2"] },
    ["restart"],
    ["y"],
  );
  assert.equal(still.code, 1);
  assert.match(still.text, /quota 1 instead of 2: whoever keeps it has not/);

  const alone = { ...ONE, isHeld: true, members: [member("a")] };
  for (
    const [fake, words, why] of [
      [ALL, ["restart"], /Nobody would start etcd again/],
      [{ ...TWO, isHeld: true }, ["restart"], /too few members .* the store/],
      [{ ...ONE, isHeld: true }, ["restart"], /etcd has no quorum/],
      [alone, ["restart"], /too few members .* or say --force/],
      [kept, ["restart", "b"], /takes no name: it is for the host/],
      [
        { ...kept, busy: 1e6, sleepsMax: 1e3 },
        ["restart"],
        /for two minutes; look there/,
      ],
    ] as const
  ) {
    const refused = await etcd(fake, words, ["y"]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.text, why);
    assert.deepEqual(refused.done, []);
  }
  for (const [fake, turn] of [[alone, ["turn"]], [ONE, []]] as const) {
    const forced = await etcd({ ...fake, isHeld: true }, [
      "restart",
      "--force",
    ]);
    assert.equal(forced.code, 0, forced.text);
    assert.deepEqual(forced.done, [...turn, "stop"]);
  }
});

Deno.test("a store of somebody else's is left alone", async () => {
  const { code, err } = await runIn(
    { programName: "matriarch" },
    ["etcd", "status"],
  );
  assert.equal(code, 1);
  assert.match(err, /etcd3\.managed is not true/);
});
