/**
 * The one file as users get it: built, then run on what a bare host offers.
 *
 * Each run has an empty environment and a PATH with nothing but the few tools
 * that the file's header needs: no deno, no node. As root it also has no
 * network. A probe stands in for main.ts where a test is about the file.
 */

import assert from "node:assert/strict";
import { join } from "node:path";

const COMPILE = new URL("../../scripts/compile.ts", import.meta.url).pathname;
const PROBE = new URL("probe.ts", import.meta.url).pathname;
const TOOLS = "id stat tail gzip tar mktemp mkdir mv rm sync sha256sum cat";
/** With the runtime and etcd. */
const SIZE_MAX = 60_000_000;
const IS_ROOT = Deno.uid() === 0;

let work = "";
let probe = "";

interface Outcome {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly out: string;
  readonly err: string;
}

interface Start {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

async function compile(output: string, args: string[] = []): Promise<string> {
  const build = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", COMPILE, "--output", output, ...args],
  }).output();
  assert.ok(build.success, new TextDecoder().decode(build.stderr));
  return output;
}

function start(file: string, args: string[], how: Start = {}): Deno.Command {
  const env = { PATH: join(work, "bin"), TMPDIR: work, ...how.env };
  const options = {
    clearEnv: true,
    env,
    cwd: how.cwd ?? work,
    stdout: "piped",
    stderr: "piped",
  } as const;
  return IS_ROOT
    ? new Deno.Command("/usr/bin/unshare", {
      ...options,
      args: ["--net", "--", file, ...args],
    })
    : new Deno.Command(file, { ...options, args });
}

async function run(
  file: string,
  args: string[],
  how: Start = {},
): Promise<Outcome> {
  const { code, signal, stdout, stderr } = await start(file, args, how)
    .output();
  const text = new TextDecoder();
  return { code, signal, out: text.decode(stdout), err: text.decode(stderr) };
}

async function answer(
  file: string,
  args: string[],
  how: Start = {},
): Promise<Record<string, unknown>> {
  const { code, out, err } = await run(file, args, how);
  assert.equal(code, 0, err);
  assert.equal(err, "");
  return JSON.parse(out);
}

async function newFolder(mode = 0o700): Promise<string> {
  const folder = await Deno.makeTempDir({ dir: work });
  await Deno.chmod(folder, mode);
  return folder;
}

function entries(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name);
}

Deno.test.beforeAll(async () => {
  work = await Deno.makeTempDir({ prefix: "matriarch-file-" });
  const bin = join(work, "bin");
  await Deno.mkdir(bin);
  for (const tool of TOOLS.split(" ")) {
    await Deno.symlink(join("/usr/bin", tool), join(bin, tool));
  }
  probe = await compile(join(work, "probe"), [
    "--entry",
    PROBE,
    "--self-extracting",
    ...["--etcd", "none"],
  ]);
});

Deno.test.afterAll(async () => {
  await Deno.remove(work, { recursive: true });
});

Deno.test("file: carries sqlite, etcd3 and its protocol files", async () => {
  const seen = await answer(probe, ["a", "b c", "--help", ""]);
  assert.deepEqual(seen["args"], ["a", "b c", "--help", ""]);
  assert.match(JSON.stringify(seen["sqlite"]), /"version":"3\./);
  // The client got as far as a refused connection, hence parsed rpc.proto.
  assert.equal(seen["etcd"], "GRPCUnavailableError");
  assert.deepEqual(seen["self"], {
    command: probe,
    args: [],
    env: { MATRIARCH_AS: "matriarch" },
  });
});

Deno.test("file: needs neither HOME nor PATH", async () => {
  const { code, out, err } = await run("/usr/bin/env", [
    "-i",
    `MATRIARCH_CACHE_DIR=${await newFolder()}`,
    probe,
  ]);
  assert.equal(code, 0, err);
  assert.equal(JSON.parse(out)["name"], "probe");
});

Deno.test("file: knows the name of the link it was called by", async () => {
  const folder = await newFolder();
  const link = join(folder, "patronictl");
  await Deno.symlink(probe, link);
  assert.equal((await answer(link, []))["name"], "patronictl");
  const relative = await answer("./patronictl", [], { cwd: folder });
  assert.equal(relative["name"], "patronictl");
  const child = await answer(link, [], { env: { MATRIARCH_AS: "matriarch" } });
  assert.equal(child["name"], "matriarch");
});

Deno.test("file: its exit codes are the program's", async () => {
  assert.equal((await run(probe, ["exit", "0"])).code, 0);
  assert.equal((await run(probe, ["exit", "70"])).code, 70);
});

Deno.test("file: a signal reaches the program itself", async () => {
  const child = start(probe, ["wait"]).spawn();
  const reader = child.stdout.getReader();
  const first = await reader.read();
  assert.equal(new TextDecoder().decode(first.value), "waiting\n");
  child.kill("SIGTERM");
  reader.releaseLock();
  const { signal } = await child.output();
  assert.equal(signal, "SIGTERM");
});

Deno.test("file: four first starts at once unpack one folder", async () => {
  const cache = await newFolder();
  const env = { MATRIARCH_CACHE_DIR: cache };
  const seen = await Promise.all(
    [1, 2, 3, 4].map((n) => answer(probe, [String(n)], { env })),
  );
  assert.deepEqual(seen.map((one) => one["args"]), [["1"], ["2"], ["3"], [
    "4",
  ]]);
  const names = entries(cache);
  assert.equal(names.length, 1, names.join(" "));
  assert.match(names[0] ?? "", /^[0-9a-f]{64}$/);
});

Deno.test("file: uses the user's cache folder, closed to others", async () => {
  const home = await newFolder();
  await answer(probe, [], { env: { HOME: home, TMPDIR: await newFolder() } });
  const { mode } = await Deno.stat(join(home, ".cache", "matriarch"));
  assert.equal((mode ?? 0) & 0o777, 0o700);
});

Deno.test("file: refuses a folder that others can write", async () => {
  const cache = await newFolder(0o777);
  const seen = await run(probe, [], { env: { MATRIARCH_CACHE_DIR: cache } });
  assert.equal(seen.code, 70);
  assert.match(seen.err, /must belong to user \d+ and have mode 700/);
  assert.deepEqual(entries(cache), []);
});

Deno.test({
  name: "file: refuses a folder of another user",
  ignore: !IS_ROOT,
  fn: async () => {
    const cache = await newFolder();
    await Deno.chown(cache, 65534, 65534);
    const seen = await run(probe, [], { env: { MATRIARCH_CACHE_DIR: cache } });
    assert.equal(seen.code, 70);
    assert.deepEqual(entries(cache), []);
  },
});

Deno.test("file: refuses to follow a link to a folder", async () => {
  const cache = await newFolder();
  const link = join(work, "link-to-cache");
  await Deno.symlink(cache, link);
  const seen = await run(probe, [], { env: { MATRIARCH_CACHE_DIR: link } });
  assert.equal(seen.code, 70);
  assert.deepEqual(entries(cache), []);
});

Deno.test("file: unpacks again what a cleaner took away", async () => {
  const cache = await newFolder();
  const env = { MATRIARCH_CACHE_DIR: cache };
  await answer(probe, [], { env });
  const unpacked = join(cache, entries(cache)[0] ?? "");
  await Deno.remove(join(unpacked, "proto", "rpc.proto"));
  const seen = await answer(probe, [], { env });
  assert.equal(seen["etcd"], "GRPCUnavailableError");
  assert.equal(entries(cache).length, 1);
});

Deno.test("file: says that it is damaged, and unpacks nothing", async () => {
  const cache = await newFolder();
  const cut = join(await newFolder(), "matriarch");
  await Deno.copyFile(probe, cut);
  const { size } = await Deno.stat(cut);
  await Deno.truncate(cut, size - 1);
  const seen = await run(cut, [], { env: { MATRIARCH_CACHE_DIR: cache } });
  assert.equal(seen.code, 70);
  assert.match(seen.err, /this file is damaged/);
  assert.deepEqual(entries(cache), []);
});

Deno.test("file: the real one answers version and --help", async () => {
  const matriarch = await compile(join(work, "matriarch"), [
    "--self-extracting",
  ]);
  const { size } = await Deno.stat(matriarch);
  assert.ok(size <= SIZE_MAX, `${size} bytes`);
  const version = await run(matriarch, ["version"]);
  assert.equal(version.code, 0, version.err);
  assert.match(version.out, /\d+\.\d+\.\d+/);
  const help = await run(matriarch, ["--help"]);
  assert.equal(help.code, 0, help.err);
  assert.match(help.out, /proxy/);

  // Each part is looked for, not only the first: a cleaner goes file by file.
  const cache = await newFolder();
  const env = { MATRIARCH_CACHE_DIR: cache };
  assert.equal((await run(matriarch, ["--help"], { env })).code, 0);
  const app = join(cache, entries(cache)[0] ?? "", "app");
  const parts = entries(app).filter((name) => name !== "main.js");
  assert.ok(parts.length > 1, parts.join());
  for (const part of parts) await Deno.remove(join(app, part));
  const again = await run(matriarch, ["--help"], { env });
  assert.deepEqual([again.code, again.err], [0, ""]);
});
