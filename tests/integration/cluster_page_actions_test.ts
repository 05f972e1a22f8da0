/**
 * Actions of the cluster page: only with the password of the REST API, never from
 * a page of another site, never before it was told what they would come to.
 */
import assert from "node:assert/strict";
import { moment, revision } from "../../lib/core/base/units.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import {
  goodAnswer,
  leadingStatus,
  registered,
  threeMembers,
} from "../helpers/stub_agent_api.ts";
import { UiRest } from "../helpers/ui_rest.ts";

const LOGIN = { username: "ops", password: "s:ecret" };

interface Asked {
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

class Desk implements AsyncDisposable {
  readonly ui: UiRest;

  private constructor(ui: UiRest) {
    this.ui = ui;
  }

  static async open(view: ClusterView = threeMembers()): Promise<Desk> {
    const ui = await UiRest.open({
      ...{ scope: "main", shownBy: "n1", view, proxy: null },
      ...{ storeAwaySinceMs: null, hasActions: true },
    });
    ui.credentials = LOGIN;
    ui.api.freshViews = [view];
    ui.api.answers = ["n2", "n3"].map((name) => goodAnswer(name));
    return new Desk(ui);
  }

  async post(
    path: string,
    { body, headers = {} }: Asked,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const login = btoa(`${LOGIN.username}:${LOGIN.password}`);
    const response = await fetch(`${this.ui.url}${path}`, {
      method: "POST",
      headers: { authorization: `Basic ${login}`, ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, text: await response.text() };
  }

  /** The lines and the ticket for a wish. */
  async rehearse(
    action: string,
    member?: string,
  ): Promise<{ readonly lines: string[]; readonly ticket: string | null }> {
    const body = { action, member };
    const { status, text } = await this.post("/ui/rehearse", { body });
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ui[Symbol.asyncDispose]();
  }
}

Deno.test("actions ask for the password, and for a page of their own", async () => {
  await using desk = await Desk.open();
  const body = { action: "pause" };
  const { host } = new URL(desk.ui.url);
  const cases = [
    [{ authorization: "" }, 401],
    [{ authorization: `Basic ${btoa("ops:wrong")}` }, 401],
    [{ origin: "https://evil.example" }, 403],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ origin: `http://${host}`, "sec-fetch-site": "same-origin" }, 200],
  ] as const;
  for (const path of ["/ui/rehearse", "/ui/act"]) {
    for (const [headers, status] of cases) {
      if (path === "/ui/act" && status === 200) continue;
      const answer = await desk.post(path, { body, headers });
      assert.equal(answer.status, status, JSON.stringify([path, headers]));
    }
  }
  desk.ui.credentials = null;
  for (const path of ["/ui/rehearse", "/ui/act"]) {
    const answer = await desk.post(path, { body });
    assert.equal(answer.status, 403, answer.text);
    assert.match(answer.text, /without a password/);
  }
  assert.deepEqual(desk.ui.calls, []);
});

Deno.test("a ticket is for what was rehearsed, once, and not for long", async () => {
  await using desk = await Desk.open();
  const unknown = { body: { ticket: crypto.randomUUID() } };
  assert.equal((await desk.post("/ui/act", unknown)).status, 409);
  const { lines, ticket } = await desk.rehearse("switchover", "n2");
  assert.ok(lines.includes("n2: would take over"), lines.join("\n"));
  assert.equal(desk.ui.calls.length, 0, "a rehearsal changes nothing");
  const done = await desk.post("/ui/act", { body: { ticket } });
  assert.deepEqual(JSON.parse(done.text), { status: 200, text: "done" });
  assert.equal((await desk.post("/ui/act", { body: { ticket } })).status, 409);
  assert.deepEqual(
    desk.ui.calls.map(({ member, method, path, body }) => [
      ...[member.name, method, path, body],
    ]),
    [["n1", "POST", "/switchover", { leader: "n1", candidate: "n2" }]],
  );
  const late = await desk.rehearse("pause");
  desk.ui.api.current = leadingStatus({ now: moment(500_000) });
  const answer = await desk.post("/ui/act", { body: { ticket: late.ticket } });
  assert.equal(answer.status, 409);
});

Deno.test("each action has its text and its request", async () => {
  const view = threeMembers({
    failover: {
      leader: "n1",
      candidate: null,
      scheduledAt: "2030-01-01T00:00:00+00:00",
      revision: revision(4),
    },
    members: [
      registered("n1", { role: "primary", replicationState: null }),
      registered("n2", {
        scheduledRestart: { schedule: "2030-01-01T00:00:00+00:00" },
        pendingRestart: { max_connections: { oldValue: "1", newValue: "2" } },
      }),
      registered("n3", { apiUrl: null }),
    ],
  });
  await using desk = await Desk.open(view);
  const good = [
    ["pause", undefined, /nobody takes over by itself/, "PATCH /config"],
    ["restart", "n1", /writers wait until it is back/, "POST /restart"],
    ["restart", "n2", /Waiting for it: max_connections/, "POST /restart"],
    ["flush_restart", "n2", /would be forgotten/, "DELETE /restart"],
    ["flush_switchover", undefined, /2030-01-01/, "DELETE /switchover"],
    ["reinitialize", "n2", /thrown away/, "POST /reinitialize"],
  ] as const;
  for (const [action, member, text, request] of good) {
    const { lines, ticket } = await desk.rehearse(action, member);
    assert.match(lines.join("\n"), text);
    await desk.post("/ui/act", { body: { ticket } });
    const call = desk.ui.calls.at(-1);
    assert.equal(`${call?.method} ${call?.path}`, request);
    assert.equal(call?.member.name, member ?? "n1");
  }
  const bad = [
    ["resume", undefined, /not paused/],
    ["switchover", "n1", /leads already/],
    ["switchover", "n9", /Nobody could take over/],
    ["restart", "n3", /no address/],
    ["restart", "<script>", /no such member/],
    ["flush_restart", "n1", /No restart of n1/],
    ["reinitialize", "n1", /cannot be made anew/],
  ] as const;
  for (const [action, member, text] of bad) {
    const { lines, ticket } = await desk.rehearse(action, member);
    assert.equal(ticket, null, action);
    assert.match(lines.join("\n"), text);
  }
  for (const body of [{ action: "shutdown" }, { action: "pause", member: 7 }]) {
    assert.equal((await desk.post("/ui/rehearse", { body })).status, 400);
  }
  assert.equal(desk.ui.calls.length, good.length);
});

Deno.test("what cannot be done any more is judged again", async () => {
  await using desk = await Desk.open();
  const { ticket } = await desk.rehearse("reinitialize", "n2");
  desk.ui.api.freshViews = [
    threeMembers({
      leader: { name: "n2", isHeld: false, revision: revision(11) },
    }),
  ];
  const { status, text } = await desk.post("/ui/act", { body: { ticket } });
  assert.equal(status, 412);
  assert.match(text, /n2 leads and cannot be made anew/);
  assert.deepEqual(desk.ui.calls, []);
});
