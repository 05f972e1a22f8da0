import assert from "node:assert/strict";
import { isAlive, signalTo } from "./own_processes.ts";
import { untilIt } from "./wait.ts";

/** A test run that has started an agent, and tells its process id. */
const RUN = `
import { AgentMember } from "./tests/helpers/agent_member.ts";
const place = { name: "n1", directory: Deno.args[0] };
const member = new AgentMember(place, {});
member.program = ["sh", "-c", "exec sleep 600", "sh"];
member.start();
console.log(member.pid);
await new Promise((resolve) => setTimeout(resolve, 600_000));
`;

Deno.test("an agent ends with the test run that started it", async () => {
  const directory = await Deno.makeTempDir();
  const run = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", "--quiet", RUN, directory],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = run.stdout.getReader();
  const { value } = await reader.read();
  const pid = Number(new TextDecoder().decode(value));
  try {
    assert.ok(isAlive(pid));
    run.kill("SIGKILL");
    await untilIt("it is gone", () => Promise.resolve(!isAlive(pid)));
  } finally {
    signalTo(run.pid, "SIGKILL");
    signalTo(pid, "SIGKILL");
    await reader.cancel();
    await run.status;
    await Deno.remove(directory, { recursive: true });
  }
});
