/** Fencing programs that do what they should, and that do not. */
import assert from "node:assert/strict";
import { pidsWith } from "../../../tests/helpers/own_processes.ts";
import { untilIt } from "../../../tests/helpers/wait.ts";
import { CancelledError } from "../../ports/errors.ts";
import type { FencingOrder } from "../../ports/fencing.ts";
import { FencingProgram } from "./fencing_program.ts";

const ORDER: FencingOrder = {
  ...{ scope: "main", host: "n1", address: "10.0.0.1", by: "n2", attempt: 2 },
  reason: "leader_suspected",
};

/** Runs it, and says what became of it and what was logged. */
async function ran(
  command: readonly string[],
  { order = ORDER, timeoutMs = 60_000, signal }: {
    readonly order?: FencingOrder;
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
  } = {},
) {
  const said: string[] = [];
  const note = (message: string): void => void said.push(message);
  const log = { info: note, warning: note };
  const program = new FencingProgram({ command: () => command, log });
  const limits = { timeoutMs, signal: signal ?? new AbortController().signal };
  const error = await program.run(order, limits).then(
    () => null,
    (error: unknown) => error,
  );
  return { said, error, text: error instanceof Error ? error.message : "" };
}

function shell(script: string, ...words: string[]): readonly string[] {
  return ["sh", "-c", script, ...words];
}

/** A mark that the command line of a process carries. */
function mark(): string {
  return `fencing-${crypto.randomUUID()}`;
}

Deno.test("the fencing command succeeds with exit code 0 only", async () => {
  assert.equal((await ran(["true"])).error, null);
  assert.match((await ran(["false"])).text, /^false ended with code 1$/);
  const killed = await ran(shell("kill -TERM $$"));
  assert.match(killed.text, /^sh ended by SIGTERM$/);
  const missing = await ran(["/nonexistent/fence"]);
  assert.match(missing.text, /^\/nonexistent\/fence cannot be started: /);
  assert.match((await ran([])).text, /fencing\.command is empty/);
});

Deno.test("the fencing command is told whom, and nobody's secrets", async () => {
  Deno.env.set("PATRONI_SUPERUSER_PASSWORD", "secret");
  Deno.env.set("MATRIARCH_SOMETHING", "secret");
  try {
    const { said, error } = await ran(
      shell(
        'printf "%s\\n" "$@"; env | grep -E "^(FENCE|PATRONI|MATRIARCH)_" | sort',
        ...["sh", "--plug={member}", "{address}", "{scope} {by} {reason} {x}"],
      ),
    );
    assert.equal(error, null);
    assert.deepEqual(
      said,
      [
        ...["--plug=n1", "10.0.0.1", "main n2 leader_suspected {x}"],
        ...["FENCE_ADDRESS=10.0.0.1", "FENCE_ATTEMPT=2", "FENCE_BY=n2"],
        ...["FENCE_MEMBER=n1", "FENCE_REASON=leader_suspected"],
        "FENCE_SCOPE=main",
      ].map((line) => `Fencing command: ${line}`),
    );
  } finally {
    Deno.env.delete("PATRONI_SUPERUSER_PASSWORD");
    Deno.env.delete("MATRIARCH_SOMETHING");
  }
});

Deno.test("a fencing program in sbin is found by whoever runs the agent", async () => {
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", "/usr/bin:/bin");
  try {
    assert.equal((await ran(["ldconfig", "--version"])).error, null);
  } finally {
    Deno.env.set("PATH", path);
  }
});

Deno.test("a name is one word, and no option", async () => {
  const odd = { ...ORDER, host: "a b;$(c)" };
  const { said } = await ran(shell('echo "$1|$#"', "sh", "{member}"), {
    order: odd,
  });
  assert.deepEqual(said, ["Fencing command: a b;$(c)|1"]);
  const option = await ran(["true", "{member}"], {
    order: { ...ORDER, host: "--all" },
  });
  assert.match(option.text, /would begin with "-"/);
  const nowhere = await ran(["true", "{address}"], {
    order: { ...ORDER, address: null },
  });
  assert.match(nowhere.text, /^\{address\} of fencing\.command is not known/);
});

Deno.test("what the fencing command says is bounded and printable", async () => {
  const { said, text } = await ran(
    shell(
      'printf "a\\033[31mb\\007\\n\\n\\r\\n"; ' +
        'for i in $(seq 100); do echo "line $i"; done; ' +
        'printf "%0400d\\n" 7; exit 3',
    ),
  );
  assert.equal(said[0], "Fencing command: a [31mb");
  assert.equal(said.length, 41);
  assert.equal(said.at(-1), "Fencing command: it said more than that");
  assert.match(text, /^sh ended with code 3: line \d+$/);
  const endless = await ran(shell("yes y"), { timeoutMs: 300 });
  assert.match(endless.text, /^sh took longer than 300 ms/);
  const long = await ran(shell("printf '%01000d' 7"));
  assert.deepEqual(
    long.said.map((line) => line.length),
    ["Fencing command: ".length + 300, 39],
  );
});

Deno.test("a fencing command that hangs is killed with its children", async () => {
  const name = mark();
  const script = 'trap "" TERM; sh -c "sleep 600; :" "$0" & wait';
  const { text } = await ran(shell(script, name), { timeoutMs: 500 });
  assert.equal(text, "sh took longer than 500 ms");
  await untilIt(
    "all of it is gone",
    () => Promise.resolve(pidsWith(name).length === 0),
  );
});

Deno.test("nothing of a fencing command goes on after its success", async () => {
  const name = mark();
  const script = 'sh -c "sleep 600; :" "$0" & exit 0';
  assert.equal((await ran(shell(script, name))).error, null);
  await untilIt(
    "all of it is gone",
    () => Promise.resolve(pidsWith(name).length === 0),
  );
});

Deno.test("a fencing command that is called off is killed", async () => {
  const name = mark();
  const ending = new AbortController();
  const running = ran(shell('sh -c "sleep 600; :" "$0"; :', name), {
    signal: ending.signal,
  });
  await untilIt(
    "it runs",
    () => Promise.resolve(pidsWith(name).length > 0),
  );
  ending.abort();
  assert.ok((await running).error instanceof CancelledError);
  await untilIt(
    "all of it is gone",
    () => Promise.resolve(pidsWith(name).length === 0),
  );
  const late = await ran(["true"], { signal: ending.signal });
  assert.ok(late.error instanceof CancelledError);
});
