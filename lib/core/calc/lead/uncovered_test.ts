import assert from "node:assert/strict";
import {
  primary,
  replica,
  starting,
  stopped,
} from "../../../../tests/helpers/builders.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { beforeFirstView } from "./uncovered.ts";

Deno.test("beforeFirstView() stops a running primary only, and none in pause", () => {
  const settings = DEFAULT_SETTINGS;
  const paused = { ...settings, isPaused: true };
  assert.equal(beforeFirstView({ postgres: primary(), settings }), "stop");
  assert.equal(
    beforeFirstView({ postgres: primary(), settings: paused }),
    "leave",
  );
  for (const postgres of [replica(), stopped(), starting()]) {
    assert.equal(beforeFirstView({ postgres, settings }), "leave");
  }
});
