/**
 * scripts/deno starts nothing but the Deno that is pinned: a checkout of its own
 * with another binary in each place where one is looked for.
 */
import assert from "node:assert/strict";
import { join } from "node:path";

const SCRIPTS = new URL("./", import.meta.url);

interface Pins {
  readonly version: string;
  readonly lock: {
    readonly packages: Readonly<
      Record<string, { readonly version?: string; readonly integrity?: string }>
    >;
  };
}

async function pins(): Promise<Pins> {
  const script = await Deno.readTextFile(new URL("deno", SCRIPTS));
  const lock = await Deno.readTextFile(
    new URL("deno_npm/package-lock.json", SCRIPTS),
  );
  return {
    version: /^version=(\S+)$/m.exec(script)?.[1] ?? "",
    lock: JSON.parse(lock),
  };
}

Deno.test("scripts/deno: one version, and every package with its sha512", async () => {
  const { version, lock } = await pins();
  assert.equal(version, Deno.version.deno);
  const packages = Object.entries(lock.packages).filter(([name]) =>
    name !== ""
  );
  assert.ok(packages.length >= 3);
  for (const [name, { version: own, integrity }] of packages) {
    assert.equal(own, version, name);
    assert.match(integrity ?? "", /^sha512-[\w+/]{86}==$/, name);
  }
  const manifest = await Deno.readTextFile(
    new URL("deno_npm/package.json", SCRIPTS),
  );
  assert.equal(JSON.parse(manifest).dependencies.deno, version);
});

/** Says that it is Deno, and that it ran. */
function impostor(version: string): string {
  return `#!/bin/sh\necho "deno ${version} (stable)"\necho it ran >&2\n`;
}

for (const place of ["cache", "PATH"] as const) {
  Deno.test(`scripts/deno: another binary in ${place} is never started`, async () => {
    const { version } = await pins();
    const root = await Deno.makeTempDir({ prefix: "matriarch-pin-" });
    try {
      await Deno.mkdir(join(root, "scripts"));
      await Deno.copyFile(new URL("deno", SCRIPTS), join(root, "scripts/deno"));
      await Deno.chmod(join(root, "scripts/deno"), 0o755);
      const modules = join(root, ".cache/deno/node_modules");
      const folder = place === "cache"
        ? join(modules, "@deno/linux-x64-glibc")
        : join(root, "bin");
      for (const path of [folder, join(modules, "deno"), join(root, "bin")]) {
        await Deno.mkdir(path, { recursive: true });
      }
      await Deno.writeTextFile(
        join(modules, "deno/package.json"),
        `{ "version": "${version}" }`,
      );
      await program(join(folder, "deno"), impostor(version));
      await program(join(root, "bin/npm"), "#!/bin/sh\nexit 1\n");
      const { code, stderr } = await new Deno.Command(
        join(root, "scripts/deno"),
        {
          args: ["--version"],
          clearEnv: true,
          env: { PATH: `${join(root, "bin")}:/usr/bin:/bin` },
        },
      ).output();
      const text = new TextDecoder().decode(stderr);
      assert.equal(code, 1, text);
      assert.match(text, /does not have the checksum of Deno/);
      assert.doesNotMatch(text, /it ran/);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

async function program(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text, { mode: 0o755 });
}
