/**
 * The cluster page in a real browser, on real members: a page that is open during
 * a switchover and the loss of a leader shows both without being loaded again,
 * asks for nothing but its stream, and can be used by keyboard and screen reader.
 * MATRIARCH_SCREENSHOT=FOLDER keeps pictures.
 */
import assert from "node:assert/strict";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { connectTo } from "../helpers/agent_member.ts";
import {
  BROWSER_SKIP,
  type SeenPage,
  TestBrowser,
} from "../helpers/browser.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const NAME = "the cluster page follows a switchover and a failover" +
  (BROWSER_SKIP === null ? "" : ` (skipped: ${BROWSER_SKIP})`);

const PASSWORD = "pass:wörd";

const STARTED = "SELECT pg_postmaster_start_time() AS at";

/** Of one wait of the browser. */
const WAIT = { timeout: 60_000 };

unprivileged(import.meta.url, () => {
  Deno.test({
    name: NAME,
    ignore: BROWSER_SKIP !== null,
    async fn(t) {
      await using cluster = await AgentCluster.running({
        hasProxies: true,
        isQuick: true,
        change: (config, { proxyPorts }) => ({
          ...config,
          // Any proxy of the cluster will do as one of another host.
          ui_proxies: [`http://127.0.0.1:${proxyPorts?.stats}`],
          restapi: {
            ...sectionOf(config, "restapi"),
            authentication: { username: "ops", password: PASSWORD },
          },
        }),
      });
      await using browser = await TestBrowser.open();
      const { restPort, proxyPorts } = cluster.member("n3").place;
      const rest = await browser.visit(`http://127.0.0.1:${restPort}/ui`);
      const stats = await browser.visit(
        `http://127.0.0.1:${proxyPorts?.stats}/ui`,
        { colorScheme: "dark", width: 400 },
      );
      const scene = { cluster, pages: [rest, stats] };
      await shows(t, scene);
      await switchover(t, scene);
      await restart(t, scene);
      await maintenance(t, scene);
      await reinitialize(t, scene);
      await flush(t, scene);
      await failover(t, scene);
      await isUsable(t, scene);
      await keepPictures(scene);
    },
  });
});

interface Scene {
  readonly cluster: AgentCluster;
  readonly pages: readonly SeenPage[];
}

async function shows(t: Deno.TestContext, { pages }: Scene): Promise<void> {
  await step(t, "members, their tree and who could take over", async () => {
    for (const { page } of pages) {
      await leads(page, "n1");
      for (const name of ["n2", "n3"]) {
        await page.waitForSelector(
          `article.leader + ul article:has-text("${name}"):has-text("could take over, its WAL ends at")`,
          WAIT,
        );
      }
      await page.waitForSelector(
        `article.leader:has-text("fence armed")`,
        WAIT,
      );
    }
    const [rest, stats] = pages.map(({ page }) => page.locator("#proxies tr"));
    await rest?.filter({ hasText: "127.0.0.1:" }).filter({ hasNotText: "not" })
      .waitFor(WAIT);
    assert.deepEqual([await rest?.count(), await stats?.count()], [4, 3]);
  });
}

async function switchover(
  t: Deno.TestContext,
  { cluster, pages }: Scene,
): Promise<void> {
  await step(t, "a switchover is shown", async () => {
    const { proxyPorts } = cluster.member("n3").place;
    const session = connectTo(proxyPorts?.primary ?? 0);
    try {
      await session.unsafe("CREATE TABLE seen (id int)");
      await switchOverByPage(pages);
      for (const { page } of pages) {
        await leads(page, "n2");
        await page.waitForSelector(`#failovers li:has-text("n1 → n2")`, WAIT);
      }
      const next = connectTo(proxyPorts?.primary ?? 0);
      await next.unsafe("INSERT INTO seen VALUES (1)");
      await next.end({ timeout: 0 });
      for (const { page } of pages) {
        await page.waitForSelector(
          `#failovers li:has-text("first write"):has-text("Clients of n3")`,
          { ...WAIT, state: "attached" },
        );
      }
    } finally {
      await session.end({ timeout: 0 });
    }
    await cluster.untilWhole();
  });
}

/** By keyboard, with the password, after its rehearsal; only where there are actions. */
async function switchOverByPage(
  [rest, stats]: readonly SeenPage[],
): Promise<void> {
  assert.equal(await stats?.page.locator("button.act:visible").count(), 0);
  const page = rest?.page ?? assert.fail("there is no page");
  const button = page.locator(`button:text-is("Switch over to n2")`);
  await button.focus();
  await page.keyboard.press("Enter");
  await page.fill("#ask-user", "ops");
  await page.fill("#ask-password", "wrong");
  const said = page.locator("#ask-text");
  await page.keyboard.press("Enter");
  await said.filter({ hasText: "401: not authenticated" }).waitFor(WAIT);
  assert.equal(await page.locator("#ask-do").isDisabled(), true);
  await page.fill("#ask-password", PASSWORD);
  await page.keyboard.press("Enter");
  await said.filter({ hasText: "n2: would take over" }).waitFor(WAIT);
  await hasNoViolation(page);
  await page.locator("#ask-do").focus();
  await page.keyboard.press("Enter");
  await said.filter({ hasText: `Successfully switched over to "n2"` })
    .waitFor(WAIT);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#ask").isVisible(), false);
}

async function restart(
  t: Deno.TestContext,
  { cluster, pages }: Scene,
): Promise<void> {
  await step(t, "another member is restarted, and that is shown", async () => {
    const [before] = await cluster.member("n1").sql(STARTED);
    await act(pages, {
      button: "Restart n1",
      told: "PostgreSQL of n1 would restart",
      done: "restarted successfully",
    });
    const [after] = await cluster.member("n1").sql(STARTED);
    assert.notDeepEqual(after, before);
    await cluster.untilWhole();
  });
}

/** One action of the page, as somebody at a mouse would do it. */
async function act(
  [rest]: readonly SeenPage[],
  { button, told, done }: {
    readonly button: string;
    readonly told: string;
    readonly done: string;
  },
): Promise<void> {
  const page = rest?.page ?? assert.fail("there is no page");
  await page.locator(`button:text-is("${button}")`).click(WAIT);
  await page.fill("#ask-password", PASSWORD);
  await page.locator("#ask-first").click();
  const said = page.locator("#ask-text");
  await said.filter({ hasText: told }).waitFor(WAIT);
  await page.locator("#ask-do").click();
  await said.filter({ hasText: done }).waitFor(WAIT);
  await page.locator("#ask-close").click();
}

async function maintenance(
  t: Deno.TestContext,
  { cluster, pages }: Scene,
): Promise<void> {
  await step(t, "maintenance mode begins and ends by the page", async () => {
    const isPaused = async () =>
      Object(await cluster.key("config"))["pause"] === true;
    await act(pages, {
      button: "Pause",
      told: "Maintenance mode would be on",
      done: "200: ",
    });
    assert.equal(await isPaused(), true);
    for (const { page } of pages) {
      await page.waitForSelector(`#about :text("maintenance mode")`, WAIT);
    }
    await act(pages, {
      button: "Resume",
      told: "Maintenance mode would be off",
      done: "200: ",
    });
    assert.equal(await isPaused(), false);
    const gone = { ...WAIT, state: "detached" } as const;
    for (const { page } of pages) {
      await page.waitForSelector(`#about :text("maintenance mode")`, gone);
    }
  });
}

async function reinitialize(
  t: Deno.TestContext,
  { cluster, pages }: Scene,
): Promise<void> {
  await step(t, "a member is copied again by the page", async () => {
    const member = cluster.member("n1");
    const mark = `${member.dataDir}/of-before`;
    await Deno.writeTextFile(mark, "");
    await act(pages, {
      button: "Reinitialize n1",
      told: "The data of n1 would be thrown away",
      done: "reinitialize started",
    });
    await cluster.until("its files are others", async () => {
      const isThere = await Deno.stat(mark).then(() => true, () => false);
      return !isThere;
    });
    await cluster.untilWhole();
  });
}

async function flush(
  t: Deno.TestContext,
  { cluster, pages }: Scene,
): Promise<void> {
  await step(t, "what is scheduled is forgotten by the page", async () => {
    const at = new Date(Date.now() + 86_400_000).toISOString();
    const leader = (await cluster.untilWhole()).name;
    const headers = { authorization: `Basic ${btoa8(`ops:${PASSWORD}`)}` };
    const ask = async (name: string, path: string, body: unknown) => {
      const { restPort } = cluster.member(name).place;
      const response = await fetch(`http://127.0.0.1:${restPort}${path}`, {
        ...{ method: "POST", headers, body: JSON.stringify(body) },
      });
      assert.equal(response.status, 202, await response.text());
    };
    await ask(leader, "/switchover", { leader, scheduled_at: at });
    await ask("n1", "/restart", { schedule: at });
    await act(pages, {
      button: "Forget the switchover",
      told: "would be forgotten",
      done: "scheduled switchover deleted",
    });
    assert.equal(
      Object(await cluster.key("failover"))["scheduled_at"],
      undefined,
    );
    await act(pages, {
      button: "Forget the restart of n1",
      told: "would be forgotten",
      done: "scheduled restart deleted",
    });
    await cluster.until("its key says so", async () => {
      const key = await cluster.key("members/n1");
      return Object(key)["scheduled_restart"] === undefined;
    });
  });
}

/** Of the text's bytes in UTF-8. */
function btoa8(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

async function failover(
  t: Deno.TestContext,
  { cluster, pages }: Scene,
): Promise<void> {
  await step(t, "the loss of a leader is shown", async () => {
    await cluster.member("n2").killAll();
    const leader = await cluster.untilLeader(["n1", "n3"]);
    for (const { page } of pages) {
      await leads(page, leader.name);
      await page.waitForSelector(
        `#failovers li:first-child:has-text("n2 → ${leader.name}")`,
        WAIT,
      );
      // Its key ends with its lease; what is known of it stays.
      await page.waitForSelector(
        `article:has-text("n2"):has-text("could not take over: n")`,
        WAIT,
      );
    }
  });
  await step(t, "nothing was loaded again, or from elsewhere", () => {
    for (const { requests, complaints } of pages) {
      const [first = ""] = requests;
      const looks = requests.filter((url) => !/[/](rehearse|act)$/.test(url));
      assert.deepEqual(new Set(looks), new Set([first, `${first}/events`]));
      assert.equal(looks.filter((url) => url === first).length, 1);
      const others = complaints.filter((text) => !text.includes("401"));
      assert.deepEqual(others, []);
    }
    return Promise.resolve();
  });
}

async function isUsable(t: Deno.TestContext, { pages }: Scene): Promise<void> {
  await step(t, "axe finds no violation", async () => {
    for (const { page } of pages) await hasNoViolation(page);
  });
  await step(t, "the last failover opens and closes by keyboard", async () => {
    for (const { page } of pages) {
      const change = page.locator("#failovers details").first();
      const wasOpen = await change.evaluate(isOpen);
      await change.locator("summary").focus();
      await page.keyboard.press("Enter");
      assert.equal(await change.evaluate(isOpen), !wasOpen);
      await page.keyboard.press("Enter");
    }
  });
  await step(t, "400 px are enough", async () => {
    for (const { page } of pages) {
      const width = page.viewportSize()?.width;
      const wanted = await page.evaluate(
        "document.documentElement.scrollWidth",
      );
      assert.equal(wanted, width);
    }
  });
}

async function hasNoViolation(page: Page): Promise<void> {
  // By the debugger: the page's policy lets nobody else in.
  await page.evaluate(axe.source);
  const { violations } = Object(await page.evaluate("axe.run()"));
  const texts = violations.map((
    { id, impact, nodes }: {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly html: string }[];
    },
  ) => `${impact} ${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(texts, []);
}

/** Runs in the browser. */
function isOpen(element: object): boolean {
  return "open" in element && element.open === true;
}

async function leads(page: Page, name: string): Promise<void> {
  await page.waitForSelector(`#state .leader:text-is("${name} leads")`, WAIT);
  await page.waitForSelector(`article.leader h3:has-text("${name}")`, WAIT);
}

async function keepPictures({ pages }: Scene): Promise<void> {
  const folder = Deno.env.get("MATRIARCH_SCREENSHOT");
  if (folder === undefined) return;
  const names = ["cluster_page.png", "cluster_page_narrow.png"];
  for (const [index, { page }] of pages.entries()) {
    await page.screenshot({
      path: `${folder}/${names[index]}`,
      fullPage: true,
    });
  }
}
