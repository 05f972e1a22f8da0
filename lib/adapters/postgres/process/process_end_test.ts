import assert from "node:assert/strict";
import { ProcessEnd } from "./process_end.ts";

function sleeper(): Deno.ChildProcess {
  return new Deno.Command("sleep", { args: ["60"], stdin: "null" }).spawn();
}

Deno.test("ProcessEnd tells when a process was killed", async () => {
  const child = sleeper();
  const end = ProcessEnd.open(child.pid);
  assert.ok(end !== null);
  const waiting = end.wait(new AbortController().signal);
  child.kill("SIGKILL");
  assert.equal(await waiting, true);
  end.close();
  await child.status;
});

Deno.test("ProcessEnd stops waiting at an abort, before or during the wait", async () => {
  const child = sleeper();
  for (const isBefore of [true, false]) {
    const end = ProcessEnd.open(child.pid);
    assert.ok(end !== null);
    const ending = new AbortController();
    if (isBefore) ending.abort();
    const waiting = end.wait(ending.signal);
    ending.abort();
    await waiting;
    end.close();
  }
  child.kill("SIGKILL");
  await child.status;
});

Deno.test("ProcessEnd knows of no process that is not there", async () => {
  const child = sleeper();
  child.kill("SIGKILL");
  await child.status;
  assert.equal(ProcessEnd.open(child.pid), null);
});
