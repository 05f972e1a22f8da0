import assert from "node:assert/strict";
import type { HttpRequest, Screen, ScreenEvent } from "../context.ts";
import { DEMO_KEYS, member, runIn, type World } from "../fake_context_test.ts";

const OWN_FACTS = {
  version: "0.1.0",
  proxy: { version: "0.1.0", sessions: 12, held: 3, fence_armed: true },
  watchdog: "active",
  vips: [{ address: "10.0.0.9", carried: true }],
  store: { kind: "etcd3", last_ms: 4, failures: 1, seen_at_ms: 1 },
  decision: "I lead",
};

function replyOf({ url, method }: HttpRequest) {
  if (method !== "GET") return { status: 200, body: "Successfully switched" };
  if (url.endsWith("/ui/facts")) {
    return { status: 200, body: JSON.stringify(OWN_FACTS) };
  }
  if (url.endsWith("/explain")) return { status: 404, body: "" };
  const isPrimary = url.includes("10.0.0.1:");
  return {
    status: 200,
    body: JSON.stringify({ primary: isPrimary, position: 67109096 }),
  };
}

const WORLD: World = {
  programName: "matriarch",
  keys: {
    ...DEMO_KEYS,
    history: '[[2,67108864,"no recovery target specified",' +
      '"2026-11-20T10:00:00+00:00","n1"]]',
  },
  reply: replyOf,
};

Deno.test("top prints one picture without a terminal", async () => {
  const { out, code, err } = await runIn(WORLD, ["top"]);
  assert.equal(code, 0, err);
  const lines = out.split("\n");
  assert.match(
    lines[0] ?? "",
    /^demo: n1 leads, 3 members, synchronous: n2 +\d\d:\d\d:\d\d$/,
  );
  assert.match(
    lines[1] ?? "",
    /^MEMBER +ROLE +STATE +TL +LAG +SESS +WAIT COULD/,
  );
  assert.match(lines[2] ?? "", /^n1 +leader +running +3 +12 +3 leads$/);
  assert.match(
    lines[3] ?? "",
    /^\+ n2 +sync +streaming +3 +10\.0 MB +12 +3 yes$/,
  );
  assert.match(
    lines[4] ?? "",
    /^\+ n3 +replica +stopped +\? +12 +3 no: not_sync/,
  );
  assert.match(out, /^Nothing that was acknowledged would be lost/m);
  assert.match(out, /^Last change of leader at 2026-11-20T10:00:00/m);
  // deno-lint-ignore no-control-regex -- none of them is the point
  assert.doesNotMatch(out, /[\x00-\x09\x0b-\x1f]|q quit/);
  for (const line of lines) assert.ok(line.length <= 80, line);
});

Deno.test("top says what it does not know", async () => {
  const silent = await runIn({
    ...WORLD,
    reply: () => {
      throw new Error("connection refused");
    },
  }, ["top", "--once"]);
  assert.match(silent.out, /^n1 .* - +- leads, silent: c/m);
  assert.match(silent.out, /^\+ n2 .* - +- no: no_answer/m);
  const empty = await runIn({ ...WORLD, keys: {} }, ["top"]);
  assert.match(empty.out, /^demo: nobody leads, 0 members/);
  assert.match(empty.out, /^There are no members$/m);
  const away = await runIn({ ...WORLD, keys: null }, ["top"]);
  assert.equal(away.code, 1);
  assert.match(away.err, /Cannot reach etcd/);
});

/** A terminal whose user waits for a text before the next key. */
class TypingScreen implements Screen {
  readonly isColored = false;
  readonly frames: string[][] = [];
  readonly #script: (readonly [RegExp, string])[];
  #wake = Promise.withResolvers<void>();
  lent = 0;
  closed = 0;

  constructor(
    readonly shape: { readonly columns: number; readonly rows: number },
    ...script: (readonly [RegExp, string])[]
  ) {
    this.#script = script;
  }

  size() {
    return this.shape;
  }

  draw(lines: readonly string[]): void {
    this.frames.push([...lines]);
  }

  wake(): void {
    this.#wake.resolve();
  }

  async next(): Promise<ScreenEvent> {
    const [step] = this.#script;
    if (step === undefined) return { kind: "end" };
    const shown = this.frames.at(-1)?.join("\n") ?? "";
    if (step[0].test(shown)) {
      this.#script.shift();
      return { kind: "key", key: step[1] };
    }
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
    return { kind: "woken" };
  }

  async lend(use: () => Promise<void>): Promise<void> {
    this.lent++;
    await use();
  }

  close(): void {
    this.closed++;
  }
}

/** Ends when the command does: nothing is read again meanwhile. */
function endless(_ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal?.addEventListener("abort", () => resolve());
  return promise;
}

Deno.test("top turns its pages and switches over as the command does", async () => {
  const screen = new TypingScreen(
    { columns: 80, rows: 24 },
    [/n2 .*yes/, "d"],
    [/proxy: 12 sessions, 3 clients wait, fence armed/, "e"],
    [/n2: could take over, its WAL ends at 0\/40000E8/, "h"],
    [/TL 3 began after 0\/4000000 of TL 2/, "s"],
    [/TL 3 began/, "q"],
  );
  const { code, out, err, requests } = await runIn({
    ...WORLD,
    ...{ screen, sleep: endless },
    input: ["", "n2", "", "y", ""],
  }, ["top"]);
  assert.equal(code, 0, err);
  assert.equal(screen.closed, 1);
  assert.equal(screen.lent, 1);
  assert.match(out, /Nothing was changed \(dry run\)[^]*Are you sure[^]*Enter/);
  const posts = requests.filter(({ method }) => method === "POST");
  assert.deepEqual(posts.map(({ url, body }) => [url, body]), [[
    "http://10.0.0.1:8008/switchover",
    '{"leader":"n1","candidate":"n2"}',
  ]]);
  for (const frame of screen.frames) {
    assert.equal(frame.length, 24);
    for (const line of frame) assert.ok(line.length <= 80, line);
  }
});

Deno.test("top gives the terminal back when a question is left", async () => {
  const screen = new TypingScreen({ columns: 80, rows: 24 }, [/yes/, "s"]);
  const { code, err } = await runIn({
    ...WORLD,
    ...{ screen, sleep: endless, input: [] },
  }, ["top"]);
  assert.equal(code, 1);
  assert.match(err, /Aborted!/);
  assert.equal(screen.closed, 1);
});

Deno.test("top shows what went wrong with a switchover, and goes on", async () => {
  const screen = new TypingScreen(
    { columns: 80, rows: 24 },
    [/no: nofailover/, "s"],
    [/n1/, "q"],
  );
  const { code, out } = await runIn({
    ...WORLD,
    keys: {
      leader: "n1",
      "members/n1": DEMO_KEYS["members/n1"] ?? "",
      "members/n2": member({
        ...{ host: "10.0.0.2", state: "running", role: "replica" },
        tags: { nofailover: true },
      }),
    },
    ...{ screen, sleep: endless, input: [""] },
  }, ["top"]);
  assert.equal(code, 0);
  assert.match(out, /Error: Nobody could take over/);
});

Deno.test("top shows hostile names and 200 members in any terminal", async () => {
  const hostile = ["x\x1b[2J\nn9", "東".repeat(300), "n".repeat(4096)];
  const names = [
    ...hostile,
    ...Array.from({ length: 200 }, (_, index) => `m${index}`),
  ];
  const keys = Object.fromEntries(names.map((name) => [
    `members/${name}`,
    member({ host: name.slice(0, 9), state: name, role: "replica" }),
  ]));
  for (const [columns, rows] of [[80, 24], [20, 5], [1, 1], [200, 60]]) {
    const shape = { columns: columns ?? 0, rows: rows ?? 0 };
    const screen = new TypingScreen(
      shape,
      ...["end", "d", "e", "h"].map((key) => [/[^]/, key] as const),
    );
    const { code, err } = await runIn({
      ...WORLD,
      ...{ screen, sleep: endless },
      keys: { ...DEMO_KEYS, leader: hostile[0] ?? "", ...keys },
    }, ["top"]);
    assert.equal(code, 0, err);
    for (const frame of screen.frames) {
      assert.equal(frame.length, shape.rows);
      for (const line of frame) {
        assert.ok([...line].length <= shape.columns * 4, line);
        // deno-lint-ignore no-control-regex -- none of them is the point
        assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f]/);
      }
    }
  }
});
