/** A login program is a small script here, which counts how often it was run. */
import assert from "node:assert/strict";
import { ManualClock } from "../../../tests/helpers/manual_clock.ts";
import { untilIt } from "../../../tests/helpers/wait.ts";
import { ProgramLogin } from "./program_login.ts";

const V1 = "client.authentication.k8s.io/v1";
const LIMIT_MS = 30_000;

/** What the test changes while it runs. */
class Script implements AsyncDisposable {
  readonly folder: string;
  readonly closing = new AbortController();
  readonly clock = new ManualClock();
  readonly login: ProgramLogin;

  private constructor(folder: string) {
    this.folder = folder;
    const program = {
      ...{ command: `${folder}/login`, args: ["one"], apiVersion: V1 },
      ...{ env: { FOLDER: folder }, cluster: null },
    };
    this.login = new ProgramLogin(program, this.clock, this.closing.signal);
  }

  static async write(body: string): Promise<Script> {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-login-" });
    const script = new Script(folder);
    await script.rewrite(body);
    return script;
  }

  async rewrite(body: string): Promise<void> {
    const text = `#!/bin/sh\necho run >>"$FOLDER/runs"\n${body}\n`;
    const path = `${this.folder}/login`;
    await Deno.writeTextFile(`${path}.new`, text, { mode: 0o755 });
    await Deno.rename(`${path}.new`, path);
  }

  async runs(): Promise<number> {
    const text = await Deno.readTextFile(`${this.folder}/runs`)
      .catch(() => "");
    return text.split("\n").length - 1;
  }

  async token(): Promise<string | null> {
    return (await this.login.credential(LIMIT_MS)).token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort();
    await Deno.remove(this.folder, { recursive: true });
  }
}

function prints(status: object): string {
  const answer = { apiVersion: V1, kind: "ExecCredential", status };
  return `echo '${JSON.stringify(answer)}'`;
}

/** The manual clock's wall time begins with the epoch. */
function at(ms: number): string {
  return new Date(ms).toISOString();
}

Deno.test("one run serves all that wait, and all that follow until it is refused", async () => {
  await using script = await Script.write(prints({ token: "a" }));
  const { login, clock } = script;
  const all = await Promise.all([script.token(), script.token()]);
  assert.deepEqual(all, ["a", "a"]);
  await clock.advance(10 * 86_400_000);
  const first = await login.credential(LIMIT_MS);
  assert.equal(await script.runs(), 1);

  await script.rewrite(prints({ token: "b" }));
  assert.equal(login.refused(first), true);
  const next = await login.credential(LIMIT_MS);
  assert.equal(next.token, "b");
  // Of two that were on their way the second does not run it again.
  assert.equal(login.refused(first), true);
  // Nor does it run without end when all that it gives is refused.
  assert.equal(login.refused(next), false);
  await clock.advance(6_000);
  assert.equal(login.refused(next), true);
  assert.equal(await script.runs(), 2);
});

Deno.test("the next credential is there before the known one ends", async () => {
  const status = { token: "a", expirationTimestamp: at(600_000) };
  await using script = await Script.write(prints(status));
  assert.equal(await script.token(), "a");
  await clock(script).advance(479_000);
  assert.equal(await script.token(), "a");
  assert.equal(await script.runs(), 1);

  await script.rewrite(
    prints({ token: "b", expirationTimestamp: at(1_200_000) }),
  );
  await clock(script).advance(2_000);
  // The one that asks does not wait for it.
  assert.equal(await script.token(), "a");
  await untilIt(
    "the next one is known",
    async () => await script.token() === "b",
  );
  assert.equal(await script.runs(), 2);

  // The program fails from now on: until the end nobody hears of it.
  await script.rewrite("echo out of order >&2; exit 3");
  await clock(script).advance(610_000);
  assert.equal(await script.token(), "b");
  await untilIt("it has failed", async () => await script.runs() === 3);
  await clock(script).advance(120_000);
  await assert.rejects(script.token(), /ended with code 3: out of order$/);
});

Deno.test("a login program learns nothing of the agent's passwords", async () => {
  const secret = "PATRONI_SUPERUSER_PASSWORD";
  Deno.env.set(secret, "hidden");
  try {
    await using script = await Script.write(
      `[ -z "$${secret}" ] || exit 4\n[ -n "$PATH" ] || exit 5\n` +
        prints({ token: "a" }),
    );
    assert.equal(await script.token(), "a");
  } finally {
    Deno.env.delete(secret);
  }
});

function clock(script: Script): ManualClock {
  return script.clock;
}

Deno.test("one that has ended by a clock that is wrong is used all the same", async () => {
  const status = { token: "a", expirationTimestamp: at(-1_000_000) };
  await using script = await Script.write(prints(status));
  assert.equal(await script.token(), "a");
  assert.equal(await script.token(), "a");
  assert.equal(await script.runs(), 1);
  await clock(script).advance(6_000);
  assert.equal(await script.token(), "a");
  assert.equal(await script.runs(), 2);
});

Deno.test("a program that fails is one sentence, and not run at every request", async () => {
  await using script = await Script.write("echo first >&2; exit 1");
  const why =
    /^Error: the login program "\S+\/login" ended with code 1: first$/;
  await assert.rejects(script.token(), why);
  await script.rewrite(prints({ token: "a" }));
  await assert.rejects(script.token(), why);
  assert.equal(await script.runs(), 1);
  await clock(script).advance(6_000);
  assert.equal(await script.token(), "a");
});

Deno.test("a program that does not end keeps no call waiting, and is ended with its children", async () => {
  await using script = await Script.write(
    'sleep 1000 & echo $! >"$FOLDER/child"; sleep 1000',
  );
  await assert.rejects(script.login.credential(50), /is still busy/);
  const child = await untilIt("it has a child", async () => {
    const text = await Deno.readTextFile(`${script.folder}/child`)
      .catch(() => "");
    return text === "" ? null : Number(text);
  });
  const waiting = assert.rejects(script.token(), /ended: the client is closed/);
  script.closing.abort();
  await waiting;
  await untilIt("the child has gone", async () => {
    const stat = await Deno.readTextFile(`/proc/${child}/stat`)
      .catch(() => ") Z");
    return / Z/.test(stat.slice(stat.lastIndexOf(")")));
  });
  assert.equal(await script.runs(), 1);
});

Deno.test("what it leaves in the background keeps nobody waiting", async () => {
  await using script = await Script.write(
    `sleep 1000 & echo $! >"$FOLDER/child"; ${prints({ token: "a" })}`,
  );
  assert.equal(await script.token(), "a");
  const text = await Deno.readTextFile(`${script.folder}/child`);
  Deno.kill(Number(text), "SIGKILL");
});

Deno.test("it is told what it needs, and endless output is cut", async () => {
  const script = 'printf "%s %s" "$1" "$KUBERNETES_EXEC_INFO" >"$FOLDER/told"';
  await using told = await Script.write(`${script}; ${prints({ token: "a" })}`);
  await told.token();
  const text = await Deno.readTextFile(`${told.folder}/told`);
  assert.match(text, /^one \{"apiVersion":"client\.auth.*"interactive":false/);
  await using endless = await Script.write("exec yes");
  await assert.rejects(endless.token(), /prints without end/);
});

Deno.test("a program that is none is said in a sentence", async () => {
  const ending = new AbortController();
  const program = {
    ...{ command: "/nowhere/login", args: [], apiVersion: V1 },
    ...{ env: {}, cluster: null },
  };
  const login = new ProgramLogin(program, new ManualClock(), ending.signal);
  await assert.rejects(
    login.credential(LIMIT_MS),
    /^Error: the login program "\/nowhere\/login" cannot be started: /,
  );
});
