/** The stream behind the cluster page, over real sockets, and how members are looked at for it. */
import assert from "node:assert/strict";
import { OnlookerHttp } from "../../lib/adapters/peers/onlooker_http.ts";
import type { FeedSource } from "../../lib/ui/feed.ts";
import { registered, threeMembers } from "../helpers/stub_agent_api.ts";
import { UiRest } from "../helpers/ui_rest.ts";
import { STATS } from "./proxy_rig.ts";
import { ProxyRig } from "./proxy_rig.ts";
import { until } from "../helpers/tcp.ts";

const SOURCE: FeedSource = {
  ...{ scope: "main", shownBy: "n1", view: threeMembers(), proxy: null },
  ...{ storeAwaySinceMs: null, hasActions: false },
};

/** Reads events as a browser does. */
class Events {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event; null: the stream has ended. */
  async next(): Promise<
    { readonly name: string; readonly data: string } | null
  > {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split("\n");
        this.#text = this.#text.slice(end + 2);
        const [name, data] = ["event: ", "data: "].map((head) =>
          lines.find((line) => line.startsWith(head))?.slice(head.length)
        );
        if (name !== undefined && data !== undefined) return { name, data };
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += value;
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

async function watch(url: string): Promise<Events> {
  const response = await fetch(`${url}/ui/events`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.ok(response.body !== null);
  return new Events(response.body);
}

Deno.test("the stream begins with all, and goes on with what changed", async () => {
  await using ui = await UiRest.open(SOURCE);
  const events = await watch(ui.url);
  const all = await events.next();
  assert.equal(all?.name, "all");
  const { set } = JSON.parse(all.data);
  assert.equal(set.cluster.leader, "n1");
  assert.deepEqual(Object.keys(set).toSorted(), [
    ...["cluster", "failovers", "member n1", "member n2", "member n3"],
  ]);
  const { members } = threeMembers();
  const view = threeMembers({ members: members.slice(0, 2) });
  ui.source = { ...SOURCE, view };
  const gone: string[] = [];
  while (gone.length === 0) {
    const some = await events.next();
    assert.equal(some?.name, "some");
    gone.push(...JSON.parse(some.data).gone);
  }
  assert.deepEqual(gone, ["member n3"]);
  await events.close();
});

Deno.test("a listener that closes ends its streams at once", async () => {
  await using ui = await UiRest.open(SOURCE);
  const events = await watch(ui.url);
  assert.equal((await events.next())?.name, "all");
  await ui.close();
  let last = await events.next();
  while (last !== null) last = await events.next();
  await events.close();
});

Deno.test("ui: off leaves nothing of it; other paths are none", async () => {
  await using ui = await UiRest.open(SOURCE);
  for (const path of ["/ui/", "/ui/other"]) {
    const response = await fetch(`${ui.url}${path}`);
    await response.body?.cancel();
    assert.equal(response.status, path === "/ui/" ? 200 : 501, path);
  }
  ui.isUiOn = false;
  const posted = await fetch(`${ui.url}/ui/act`, {
    method: "POST",
    body: "{}",
  });
  await posted.body?.cancel();
  assert.equal(posted.status, 501);
  for (const path of ["/ui", "/ui/events", "/ui/facts"]) {
    const response = await fetch(`${ui.url}${path}`);
    await response.body?.cancel();
    assert.equal(response.status, 501, path);
  }
});

Deno.test("the page is one answer under 80 kB that lets nothing else in", async () => {
  await using ui = await UiRest.open(SOURCE);
  const response = await fetch(`${ui.url}/ui`);
  const text = await response.text();
  assert.ok(text.length < 80_000, String(text.length));
  assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  const policy = response.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; script-src 'sha256-/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.match(policy, /frame-ancestors 'none'/);
});

Deno.test("the statistics port has the same page, and few streams", async () => {
  const onlooker = { look: () => Promise.resolve([]) };
  await using rig = await ProxyRig.open({ onlooker, stats: STATS });
  await rig.keys.primary("n1", 1);
  await rig.keys.lead("n1");
  const url = `http://127.0.0.1:${rig.statsPort}`;
  await until("there is a page", async () => {
    const response = await fetch(`${url}/ui`);
    const text = await response.text();
    return response.status === 200 && text.includes("Matriarch cluster");
  });
  const events = await watch(url);
  let { set } = JSON.parse((await events.next())?.data ?? "{}");
  while (set.cluster?.leader !== "n1") {
    ({ set } = JSON.parse((await events.next())?.data ?? "{}"));
  }
  const more = await Promise.all(Array.from({ length: 31 }, () => watch(url)));
  const refused = await fetch(`${url}/ui/events`);
  assert.equal(refused.status, 503);
  await refused.body?.cancel();
  const stats = await fetch(`${url}/stats`);
  assert.equal((await stats.json()).scope, "demo");
  for (const one of [events, ...more]) await one.close();
});

Deno.test("members that answer rubbish, hang or are old are told apart", async () => {
  const hanging = Promise.withResolvers<void>();
  await using rubbish = serve(() => new Response("\u0000<html>"));
  await using hung = serve(async () => {
    await hanging.promise;
    return new Response("late");
  });
  await using old = serve((request) =>
    new URL(request.url).pathname === "/patroni"
      ? Response.json({
        state: "running",
        role: "replica",
        xlog: {
          received_location: 7,
        },
      })
      : new Response("no", { status: 501 })
  );
  await using large = serve(() => new Response("x".repeat(2 << 20)));
  const members = [rubbish, hung, old, large].map(({ port }, index) =>
    registered(`n${index}`, { apiUrl: `http://127.0.0.1:${port}/patroni` })
  );
  const nowhere = registered("n4", { apiUrl: "::nonsense::" });
  const onlooker = new OnlookerHttp(() => ({ tls: null }));
  const looks = await onlooker.look([...members, nowhere]);
  hanging.resolve();
  assert.deepEqual(
    looks.map(({ answer }) =>
      answer.kind === "silent" ? answer.detail : answer.kind
    ),
    [
      "the answer is no JSON object",
      "no answer within 2000 ms",
      "answered",
      "the answer is too large",
      "it has no usable api_url",
    ],
  );
  assert.deepEqual(looks.map(({ factsText }) => factsText !== null), [
    ...[true, false, false, false, false],
  ]);
});

function serve(
  handler: (request: Request) => Response | Promise<Response>,
): { readonly port: number } & AsyncDisposable {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    handler,
  );
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
