/**
 * The statistics page in headless Chromium: drawn from live numbers, without an
 * error, in light and dark. MATRIARCH_SCREENSHOT=FILE keeps a picture.
 */
import assert from "node:assert/strict";
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { StatsServer } from "../../proxy/stats_server.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import { echoBackend, KeptLog, TestClient, until } from "../helpers/tcp.ts";
import { ProxyRig } from "../integration/proxy_rig.ts";

const SKIP = skipReason("chromium", "chromium");

const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"],
  ...["--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--hide-scrollbars"],
];

async function chromium(...args: readonly string[]): Promise<string> {
  const profile = await Deno.makeTempDir({ prefix: "matriarch-chromium-" });
  try {
    const { stdout } = await new Deno.Command("chromium", {
      args: [...FLAGS, `--user-data-dir=${profile}`, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}

Deno.test({
  name: "the statistics page draws live numbers in a browser" +
    (SKIP === null ? "" : ` (skipped: ${SKIP})`),
  ignore: SKIP !== null,
  async fn() {
    const picture = Deno.env.get("MATRIARCH_SCREENSHOT");
    const scope = picture === undefined ? "<b>demo</b>" : "demo";
    await using rig = await ProxyRig.open({ scope });
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    await rig.keys.replica("n2", two.port);
    await until(
      "both are routed",
      () =>
        rig.proxy.stats().routes.replicas.length === 1 &&
        rig.proxy.stats().routes.primary !== null,
    );
    const { primary, replica, stats } = rig.proxy.ports;
    await using _crowd = picture === undefined ? null : await gather(rig);
    await using writer = await TestClient.connect(primary);
    await using reader = await TestClient.connect(replica);
    await writer.untilText("one\n");
    await reader.untilText("two\n");
    const chatter = talk(writer);
    const url = `http://127.0.0.1:${stats}/`;
    const dom = await chromium(
      "--virtual-time-budget=40000",
      "--dump-dom",
      url,
    );
    if (picture !== undefined) {
      await chromium(
        ...["--window-size=1120,900", "--virtual-time-budget=100000"],
        ...[`--screenshot=${picture}`, url],
      );
    }
    await chatter.stop();
    const text = textOf(dom);
    // A name is text, whatever it looks like.
    const shown = scope.replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    assert.ok(text.includes(`Matriarch proxy of ${shown}, beside n1`), text);
    assert.match(text, new RegExp(`Read-write port ${primary} → n1`));
    assert.match(text, new RegExp(`Read-only port ${replica} → n2`));
    const sessions = picture === undefined ? 1 : 15;
    assert.match(text, new RegExp(`${sessions} sessions 0 waiting`));
    assert.match(text, new RegExp(`n2 read-only 127.0.0.1:${two.port} yes`));
    assert.match(text, /primary: none .*-&gt; n1@127\.0\.0\.1/);
    assert.ok(chartHeights(dom).some((y) => y < 50), "the curve moves");
    assert.match(dom, /id="lost" role="status" hidden/);
  },
});

Deno.test({
  name: "a page of another site cannot read the statistics by its own name" +
    (SKIP === null ? "" : ` (skipped: ${SKIP})`),
  ignore: SKIP !== null,
  async fn() {
    await using rig = await ProxyRig.open({ scope: "demo" });
    const { stats } = rig.proxy.ports;
    const own = Deno.hostname();
    const foreign = ["evil.example", `${own}.evil.example`];
    // What a rebound name looks like to the browser.
    const rules = [...foreign, own].map((name) => `MAP ${name} 127.0.0.1`);
    for (const host of ["127.0.0.1", "localhost", own, ...foreign]) {
      const dom = await chromium(
        `--host-resolver-rules=${rules.join(", ")}`,
        ...["--virtual-time-budget=5000", "--dump-dom"],
        `http://${host}:${stats}/`,
      );
      const isForeign = foreign.includes(host);
      assert.equal(
        dom.includes("ask by address"),
        isForeign,
        `${host}: ${dom}`,
      );
      assert.equal(dom.includes(`id="doors"`), !isForeign, host);
    }
  },
});

Deno.test({
  name: "the page of several clusters leads to that of each" +
    (SKIP === null ? "" : ` (skipped: ${SKIP})`),
  ignore: SKIP !== null,
  async fn() {
    await using rig = await ProxyRig.open({ scope: "<b>demo" });
    await using one = echoBackend("one");
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    await until("the leader is routed", () => {
      return rig.proxy.stats().routes.primary !== null;
    });
    const { primary, replica } = rig.proxy.ports;
    await using client = await TestClient.connect(primary);
    await client.untilText("one\n");
    const server = new StatsServer({
      ...{ clock: new SystemClock(), log: new KeptLog() },
      options: {
        ...{ port: 0, listen: ["127.0.0.1"], allow: [] },
        ...{ login: null, tls: null },
      },
    });
    server.showClusters(() => [rig.proxy.stats()]);
    await server.open("nobody");
    const seen = async (path: string): Promise<string> => {
      const url = `http://127.0.0.1:${server.port}/${path}`;
      return await chromium(
        ...["--virtual-time-budget=5000", "--dump-dom", url],
      );
    };
    try {
      const dom = await seen("");
      assert.match(dom, /id="lost" role="status" hidden/);
      const text = textOf(dom);
      assert.match(text, /Matriarch proxy of 1 clusters/);
      const row = `&lt;b&gt;demo ${primary}, ${replica} n1 reachable 1 0 1`;
      assert.ok(text.includes(row), text);
      const [, link = ""] = /<a href="([^"]*\/)">/.exec(dom) ?? [];
      const below = textOf(await seen(link));
      assert.match(below, new RegExp(`Read-write port ${primary} → n1`));
    } finally {
      await server.close();
    }
  },
});

function textOf(dom: string): string {
  return dom.replace(/<script>.*<\/script>/s, "")
    .replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

/** What a picture should show: several members, one too far behind, a switch, some sessions. */
async function gather(rig: ProxyRig): Promise<AsyncDisposable> {
  const crowd = new AsyncDisposableStack();
  const three = crowd.use(echoBackend("three"));
  const streaming = { replication_state: "streaming", role: "replica" };
  await rig.keys.replica("n3", three.port);
  await rig.keys.member("n4", { port: 1, ...streaming, xlog_location: 1 });
  await rig.keys.remove("leader");
  await until("nobody leads", () => rig.proxy.stats().routes.primary === null);
  await rig.keys.lead("n1");
  const { primary, replica } = rig.proxy.ports;
  const ports = [...Array(14).fill(primary), ...Array(9).fill(replica)];
  for (const port of ports) {
    const client = crowd.use(await TestClient.connect(port));
    const chatter = talk(client);
    crowd.defer(() => chatter.stop());
  }
  return crowd;
}

/** The points of the first curve; 98 is nothing, less is more. */
function chartHeights(dom: string): readonly number[] {
  const path = /<path class="" d="M([^"]*)"/.exec(dom)?.[1] ?? "";
  return path.split("L").map((point) => Number(point.split(" ")[1]));
}

/** Sends now and then, so that there is something to see. */
function talk(client: TestClient): { stop(): Promise<void> } {
  let isOver = false;
  const talking = (async () => {
    for (let i = 0; !isOver; i++) {
      await client.send("x".repeat(200 + 150 * (i % 7)));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await talking;
    },
  };
}
