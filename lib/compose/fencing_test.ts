import assert from "node:assert/strict";
import { fencingProgram } from "./fencing.ts";

function warningsOf(command: readonly string[] | null): readonly string[] {
  const said: string[] = [];
  const log = {
    info: () => undefined,
    warning: (text: string): void => void said.push(text),
  };
  const config = { command, timeoutMs: 1_000, retries: 0, hourlyLimit: 1 };
  fencingProgram(log, () => config);
  return said;
}

Deno.test("a fencing program that is not there is told at the start", () => {
  for (const command of [["/nonexistent/fence"], ["no-such-fence", "off"]]) {
    const [text = ""] = warningsOf(command);
    assert.match(text, /^fencing\.command: there is no program .*fence/);
  }
  for (const command of [null, ["sh", "-c", ":"], ["/bin/sh"]]) {
    assert.deepEqual(warningsOf(command), []);
  }
});
