/** The alert rules of `docs/monitoring`, by Prometheus' own tool. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { skipReason } from "../helpers/skip_reason.ts";

const FOLDER = new URL("../../docs/monitoring/", import.meta.url);
/** Columns of Grafana's grid. */
const GRID_WIDTH = 24;
const reason = skipReason("promtool", "prometheus");
if (reason !== null) console.log(`skipped: ${reason}`);

Deno.test({
  name: "each alert rule is well formed and fires when it should",
  ignore: reason !== null,
  fn: async () => {
    const rules = new URL("alerts.yml", FOLDER);
    const tests = new URL("alerts_test.yml", FOLDER);
    for (const [what, file] of [["check", rules], ["test", tests]] as const) {
      const { success, stdout, stderr } = await new Deno.Command("promtool", {
        args: [what, "rules", fileURLToPath(file)],
      }).output();
      const text = new TextDecoder().decode(stdout) +
        new TextDecoder().decode(stderr);
      assert.ok(success, text);
    }
    const alerts = matches(rules, /(?<=alert: )\w+/g);
    const tested = matches(tests, /(?<=alertname: )\w+/g);
    assert.ok(alerts.length > 20);
    assert.deepEqual(alerts.filter((alert) => !tested.includes(alert)), []);
  },
});

Deno.test("each alert names a chapter that exists", () => {
  const alerts = matches(new URL("alerts.yml", FOLDER), /- alert:/g);
  const pages = matches(
    new URL("alerts.yml", FOLDER),
    /(?<=runbook: ")[^"]+/g,
  );
  assert.equal(pages.length, alerts.length);
  for (const page of new Set(pages)) {
    const [file, anchor = ""] = page.split("#");
    assert.equal(file, "docs/runbook.md");
    const text = Deno.readTextFileSync(new URL(`../../${file}`, FOLDER));
    const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
      title.toLowerCase().replace(/[^a-z0-9 -]/g, "").replaceAll(" ", "-")
    );
    assert.ok(anchors.includes(anchor), page);
  }
});

Deno.test({
  name: "each query of the dashboard is one that Prometheus understands",
  ignore: reason !== null,
  fn: async () => {
    const { panels, annotations } = dashboard();
    const queries = [
      ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      ...annotations.list.map(({ expr }) => expr),
    ];
    assert.ok(queries.length > 30);
    // As rules they are parsed and nothing is asked.
    const rules = queries.map((expr, at) => ({
      record: `query_${at}`,
      expr: expr.replaceAll("$scope", "main"),
    }));
    const folder = await Deno.makeTempDir({ prefix: "matriarch_queries_" });
    try {
      const file = `${folder}/queries.yml`;
      const groups = [{ name: "dashboard", rules }];
      await Deno.writeTextFile(file, JSON.stringify({ groups }));
      const { success, stdout, stderr } = await new Deno.Command("promtool", {
        args: ["check", "rules", file],
      }).output();
      const text = new TextDecoder().decode(stdout) +
        new TextDecoder().decode(stderr);
      assert.ok(success, text);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("the dashboard's panels lie side by side", () => {
  const { panels } = dashboard();
  const ids = panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert.ok(x + w <= GRID_WIDTH, title);
    for (let across = x; across < x + w; across++) {
      for (let down = y; down < y + h; down++) {
        const place = `${across} ${down}`;
        assert.equal(taken.get(place), undefined, `${title} at ${place}`);
        taken.set(place, title);
      }
    }
  }
});

/** What is looked at here. */
interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

function dashboard(): Dashboard {
  return JSON.parse(
    Deno.readTextFileSync(new URL("dashboard.json", FOLDER)),
  );
}

function matches(file: URL, pattern: RegExp): readonly string[] {
  return Deno.readTextFileSync(file).match(pattern) ?? [];
}
