/** The alert rules of `docs/monitoring`, by Prometheus' own tool. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { skipReason } from "../helpers/skip_reason.ts";

const FOLDER = new URL("../../docs/monitoring/", import.meta.url);
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
    const [file = "", anchor] = page.split("#");
    const text = Deno.readTextFileSync(new URL(`../../${file}`, FOLDER));
    const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
      title.toLowerCase().replace(/[^a-z0-9 -]/g, "").replaceAll(" ", "-")
    );
    if (anchor !== undefined) assert.ok(anchors.includes(anchor), page);
  }
});

function matches(file: URL, pattern: RegExp): readonly string[] {
  return Deno.readTextFileSync(file).match(pattern) ?? [];
}
