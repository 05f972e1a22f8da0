/**
 * The cluster page in a real browser when the store, members and proxies are
 * hostile, many or silent: text stays text, and the page says what it knows.
 */
import assert from "node:assert/strict";
import { encodeFailovers } from "../../lib/core/codec/failovers_codec.ts";
import { encodeOwnFacts } from "../../lib/ui/own_facts.ts";
import type { FeedSource } from "../../lib/ui/feed.ts";
import { revision } from "../../lib/core/base/units.ts";
import { BROWSER_SKIP, TestBrowser } from "../helpers/browser.ts";
import { failoverRecord } from "../helpers/failover_record.ts";
import {
  goodAnswer,
  registered,
  threeMembers,
} from "../helpers/stub_agent_api.ts";
import { OWN_FACTS } from "../helpers/own_facts.ts";
import { UiRest } from "../helpers/ui_rest.ts";

const SUFFIX = BROWSER_SKIP === null ? "" : ` (skipped: ${BROWSER_SKIP})`;

const SCRIPT = "<script>document.title='owned'</script>";
const IMAGE = `<img src=x onerror="document.title='owned'">`;
const ACTING = "\u001b[2J\u202e\u0000evil";
const LONG = "x".repeat(4_096);

function source(changes: Partial<FeedSource> = {}): FeedSource {
  return {
    ...{ scope: "main", shownBy: "n1", view: threeMembers(), proxy: null },
    ...{ storeAwaySinceMs: null, hasActions: false },
    ...changes,
  };
}

Deno.test({
  name: `hostile names, reasons and answers are text on the page${SUFFIX}`,
  ignore: BROWSER_SKIP !== null,
  async fn() {
    const record = failoverRecord({
      leader: SCRIPT,
      before: ACTING,
      sentence: LONG,
      reason: IMAGE,
      facts: { [SCRIPT]: IMAGE },
      phases: [{ name: SCRIPT, atMs: 1 }, { name: ACTING, atMs: 9e15 }],
    });
    const view = threeMembers({
      members: [
        registered("n1", { role: "primary" }),
        registered(SCRIPT, { version: IMAGE, connUrl: `postgres://${LONG}/` }),
        registered(`${ACTING}2`, { apiUrl: null }),
      ],
      failovers: { text: encodeFailovers([record]), revision: revision(3) },
    });
    await using ui = await UiRest.open(source({ scope: IMAGE, view }));
    const answers = [
      { kind: "silent", name: SCRIPT, detail: `${IMAGE}${LONG}` } as const,
      goodAnswer(`${ACTING}2`),
    ];
    const own = {
      ...{ ...OWN_FACTS, decision: `${SCRIPT}${LONG}`, version: ACTING },
      upstream: { host: `${IMAGE}${LONG}`, port: 1, isStreaming: true },
      isUpstreamTold: true,
    };
    ui.looks = answers.map((answer) => ({
      answer,
      factsText: JSON.stringify(encodeOwnFacts(own)),
    }));
    ui.proxies = [
      { kind: "silent", name: "app1:7000", detail: `${SCRIPT}${LONG}` },
      {
        ...{ kind: "answered", name: SCRIPT, version: IMAGE },
        ...{ sessions: 1_234, held: 5 },
      },
    ];
    await using browser = await TestBrowser.open();
    const { page, complaints } = await browser.visit(`${ui.url}/ui`, {
      width: 400,
    });
    await page.waitForSelector(`article:has-text("does not answer:")`);
    for (
      const text of [
        "store node 10.0.0.1:2379 2 ms, leads",
        "store node 10.0.0.2:2379 does not answer",
        `streams from ${IMAGE}x`,
      ]
    ) {
      await page.locator("article li", { hasText: text }).first().waitFor();
    }
    for (
      const text of [
        `app1:7000does not answer: ${SCRIPT}x`,
        `${SCRIPT}1,2345${IMAGE}`,
      ]
    ) {
      await page.locator("#proxies tr", { hasText: text }).first().waitFor();
    }
    await page.waitForSelector(`#failovers li`);
    const { title, shown, wanted } = Object(
      await page.evaluate(`({
        title: document.title, shown: document.body.innerText,
        wanted: document.documentElement.scrollWidth,
      })`),
    );
    assert.equal(title, `Matriarch cluster ${IMAGE}`);
    for (const text of [SCRIPT, IMAGE, "\\u001b[2J\\u202e\\u0000evil"]) {
      assert.ok(shown.includes(text), `${text} is not in ${shown}`);
    }
    assert.ok(!shown.includes("\u202e") && !shown.includes("\u001b"));
    assert.ok(shown.length < 12_000, String(shown.length));
    assert.equal(wanted, 400);
    assert.deepEqual(complaints, []);
    assert.deepEqual(ui.log.lines.filter((line) => /ERROR/.test(line)), []);
  },
});

Deno.test({
  name: `200 members, silent ones among them, are one page${SUFFIX}`,
  ignore: BROWSER_SKIP !== null,
  async fn() {
    const names = Array.from(
      { length: 200 },
      (_, index) => `n${String(index).padStart(3, "0")}`,
    );
    const view = threeMembers({
      leader: { name: "n000", isHeld: false, revision: revision(9) },
      members: names.map((name) =>
        registered(name, { role: name === "n000" ? "primary" : "replica" })
      ),
    });
    await using ui = await UiRest.open(source({ view }));
    ui.looks = names.map((name, index) => ({
      answer: index % 2 === 0
        ? goodAnswer(name)
        : { kind: "silent", name, detail: "no answer within 2000 ms" },
      // An older version knows nothing of all this, a broken one writes rubbish.
      factsText: index % 3 === 0 ? null : '{"proxy":{"sessions":"many"',
    }));
    await using browser = await TestBrowser.open();
    const { page, complaints } = await browser.visit(`${ui.url}/ui`);
    await page.waitForSelector(`article:has-text("n199")`);
    await page.waitForSelector(`article:has-text("does not answer:")`);
    assert.equal(await page.locator("article").count(), 200);
    const told = page.locator(`.facts li:has-text("not told")`);
    assert.equal(await told.count(), 200);
    assert.deepEqual(complaints, []);
  },
});

Deno.test({
  name: `a page says that it is old, and goes on by itself${SUFFIX}`,
  ignore: BROWSER_SKIP !== null,
  async fn() {
    await using browser = await TestBrowser.open();
    await using ui = await UiRest.open(source());
    const { page } = await browser.visit(`${ui.url}/ui`);
    await page.waitForSelector(`#state .leader:text-is("n1 leads")`);
    ui.source = source({ storeAwaySinceMs: 1_000 });
    await page.waitForSelector(`#state.bad:has-text("does not answer since")`);
    ui.source = source({ view: threeMembers({ leader: null }) });
    await page.waitForSelector(`#state.bad:has-text("Nobody leads")`);
    await ui.close();
    await page.waitForSelector(`#lost:has-text("what stands here is old")`);
  },
});
