/** In processes of their own: the environment is the process's. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const MODULE = new URL("./name_lookups.ts", import.meta.url).href;
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const PROGRAM = `
const { boundNameLookups } = await import("${MODULE}");
boundNameLookups();
// A child sees what the C library of this process does.
const { stdout } = await new Deno.Command("printenv", { args: ["RES_OPTIONS"] }).output();
Deno.stdout.writeSync(stdout);
`;

async function optionsWith(given: string | null): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--no-lock", `--config=${CONFIG}`, PROGRAM],
    env: given === null ? {} : { RES_OPTIONS: given },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("name lookups: bounded, unless the operator has bounded them", async () => {
  assert.equal(await optionsWith(null), "timeout:1 attempts:2");
  assert.equal(await optionsWith("rotate"), "rotate timeout:1 attempts:2");
  assert.equal(await optionsWith("timeout:3"), "timeout:3");
  assert.equal(await optionsWith("rotate attempts:1"), "rotate attempts:1");
});
