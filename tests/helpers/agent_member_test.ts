import assert from "node:assert/strict";
import { isAlive, signalTo } from "./own_processes.ts";
import { untilIt } from "./wait.ts";

/** A test run that has started an agent, and tells its process id. */
const RUN = `
import { AgentMember } from "./tests/helpers/agent_member.ts";
const [directory, path] = Deno.args;
const member = new AgentMember({ name: "n1", directory }, {});
member.program = ["sh", "-c", "exec sleep 600", "sh"];
member.environment = { PATH: path };
member.start();
console.log(member.pid);
await new Promise((resolve) => setTimeout(resolve, 600_000));
`;

/** An agent whose test run is killed ends, with the programs of that PATH. */
async function endsWithItsRun(directory: string, path: string): Promise<void> {
  const run = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", "--quiet", RUN, directory, path],
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
  }
}

const PATH = Deno.env.get("PATH") ?? "";

Deno.test("an agent ends with the test run that started it", async () => {
  const directory = await Deno.makeTempDir();
  await endsWithItsRun(directory, PATH);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("an agent ends also if its test run was gone before it began", async () => {
  const directory = await Deno.makeTempDir();
  // The kernel is asked to tell of the end when it is too late.
  await Deno.writeTextFile(
    `${directory}/setpriv`,
    `#!/bin/sh\nsleep 1\nPATH='${PATH}' exec setpriv "$@"\n`,
    { mode: 0o755 },
  );
  await endsWithItsRun(directory, `${directory}:${PATH}`);
  await Deno.remove(directory, { recursive: true });
});
