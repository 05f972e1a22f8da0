/**
 * What `./scripts/package` makes, as the people get it: Debian's checker has
 * nothing against the package, both run, and a second build makes the same bytes.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../../deno.json" with { type: "json" };
import { ENGINE_FLAGS } from "../../scripts/engine_flags.ts";
import { skipReason } from "../helpers/skip_reason.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const VERSION = denoJson.version;
const reason = skipReason("help2man", "help2man") ??
  skipReason("lintian", "lintian");
if (reason !== null) console.log(`skipped: ${reason}`);

Deno.test({
  name: "package and archive can be installed, and are the same each time",
  ignore: reason !== null,
  fn: async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-package-" });
    try {
      await build(join(folder, "first"));
      const deb = fileIn(join(folder, "first"), ".deb");
      await t.step("lintian finds nothing", async () => {
        assert.equal(await text("lintian", ["--allow-root", deb]), "");
      });
      await t.step("the package's program runs", () => packaged(folder, deb));
      await t.step("the archive's program runs", () => archived(folder));
      await t.step("a second build makes the same bytes", async () => {
        await build(join(folder, "second"));
        assert.deepEqual(
          await sums(join(folder, "second")),
          await sums(join(folder, "first")),
        );
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("README shows the unit that is packaged", async () => {
  const unit = await Deno.readTextFile(
    join(ROOT, "scripts/pack/matriarch.service"),
  );
  const readme = await Deno.readTextFile(join(ROOT, "README.md"));
  const [, shown = ""] = /```ini\n(\[Unit\][^`]*)```/.exec(readme) ?? [];
  const expected = unit.replace(/^Documentation=.*\n/m, "")
    .replaceAll("/usr/bin/", "/usr/local/bin/")
    .replaceAll("/usr/local/bin/kill", "/usr/bin/kill");
  assert.equal(shown, expected);
});

async function packaged(folder: string, deb: string): Promise<void> {
  const tree = join(folder, "tree");
  await text("dpkg-deb", ["-x", deb, tree]);
  const program = join(tree, "usr/bin/matriarch");
  const script = await Deno.readTextFile(program);
  const lib = join(tree, "usr/lib/matriarch");
  await Deno.writeTextFile(
    program,
    script.replaceAll("/usr/lib/matriarch", lib),
  );
  assert.ok(script.includes(` ${ENGINE_FLAGS} `), script);
  // The one file, called by the same user, takes no other folder's mode.
  const home = join(folder, "home");
  await text(program, ["--version"], { PATH: "/usr/bin:/bin", HOME: home });
  const { mode } = await Deno.stat(join(home, ".cache/matriarch"));
  assert.equal((mode ?? 0) & 0o777, 0o700);
  // Nothing of the user's, and nowhere to keep compiled code.
  const env = { PATH: "/usr/bin:/bin" };
  const said = await text(program, ["--version"], env);
  assert.ok(said.includes(VERSION), said);
  const page = join(tree, "usr/share/man/man1/matriarch-switchover.1.gz");
  const manual = await text("man", ["--warnings", "--pager=cat", page]);
  assert.match(manual, /--candidate TEXT/);
  assert.doesNotMatch(manual, /matriarch-package-/);
}

async function archived(folder: string): Promise<void> {
  const file = fileIn(join(folder, "first"), ".tar.gz");
  await text("tar", ["-xzf", file, "-C", folder]);
  const inside = join(folder, `matriarch-${VERSION}-linux-${Deno.build.arch}`);
  const check = [
    "-c",
    `cd '${inside}' && sha256sum --check --quiet SHA256SUMS`,
  ];
  assert.equal(await text("sh", check), "");
  const cache = join(folder, "cache");
  const said = await text(join(inside, "matriarch"), ["--version"], {
    PATH: "/usr/bin:/bin",
    MATRIARCH_CACHE_DIR: cache,
  });
  assert.ok(said.includes(VERSION), said);
  const bill = JSON.parse(
    await Deno.readTextFile(join(inside, "sbom.cdx.json")),
  );
  const names = bill.components.map((each: { name: string }) => each.name);
  assert.ok(
    ["deno", "etcd-server", "etcd3", "hono", "zod"].every((n) =>
      names.includes(n)
    ),
  );
  assert.ok(!names.includes("fast-check"), "only what the program contains");
}

async function build(output: string): Promise<void> {
  await text(join(ROOT, "scripts/package"), ["--output", output]);
}

function fileIn(folder: string, end: string): string {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const found = names.filter((name) => name.endsWith(end));
  assert.equal(found.length, 1, names.join());
  return join(folder, found[0] ?? "");
}

async function sums(folder: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const { name } of Deno.readDirSync(folder)) {
    const bytes = await Deno.readFile(join(folder, name));
    all[name] = createHash("sha256").update(bytes).digest("hex");
  }
  return all;
}

/** What the program wrote; an error with all of it if it did not end well. */
async function text(
  command: string,
  args: readonly string[],
  env?: Record<string, string>,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    ...(env === undefined ? {} : { env, clearEnv: true }),
  }).output();
  const said = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  assert.ok(success, `${command} ${args.join(" ")}\n${said}`);
  return said;
}
