/**
 * Goal: our command line answers as Patroni's own does. Method: both get the
 * same words, typed lines, keys and answers of members; what they print, their
 * exit codes, their REST calls and the keys they leave must be the same.
 */
import assert from "node:assert/strict";
import { TwinStage } from "./ctl_twin.ts";
import { TWIN_CASES } from "./ctl_twin_cases.ts";
import { patroniSkipReason } from "./programs.ts";

const SKIP = patroniSkipReason();

Deno.test({
  name: "both command lines do the same" + (SKIP === null ? "" : `: ${SKIP}`),
  ignore: SKIP !== null,
  fn: async (t) => {
    await using stage = await TwinStage.open();
    for (const [title, twin] of TWIN_CASES) {
      await t.step(title, async () => {
        const { theirs, ours } = await stage.run(twin);
        if (theirs.hasCrashed) {
          assert.match(`${ours.code} ${ours.err}`, /^(0 |1 Error: .+)/);
        } else assert.deepEqual(ours, theirs);
      });
    }
  },
});
