import assert from "node:assert/strict";
import { isModest } from "./permissions.ts";

const CASES: readonly (readonly [string, boolean])[] = [
  ["", true],
  ["list main", true],
  ["-c file.yml switchover --force", true],
  ["-c /etc/patroni/dev/proc.yml list", true],
  ["edit-config main", false],
  ["-c file.yml edit-config", false],
  ["vip on_role_change primary main", false],
  ["init --address 10.0.0.11", false],
  ["-c file.yml etcd restart", false],
  ["-c file.yml restart main", true],
  ["-c file.yml etcd status", true],
  ["-c /dev/stdin list", false],
  ["--config-file=/proc/self/fd/3 list", false],
  ["-d sqlite:///dev/shm/x list", false],
];

for (const [line, wanted] of CASES) {
  Deno.test(`isModest(): "${line}"`, () => {
    assert.equal(isModest(line === "" ? [] : line.split(" "), []), wanted);
  });
}

Deno.test("isModest() looks at files of the environment, too", () => {
  assert.equal(isModest(["list"], ["/dev/fd/5"]), false);
  assert.equal(isModest(["list"], ["", "/etc/m.yml"]), true);
});

function program(url: string): string {
  return `
import { dropPermissions } from ${JSON.stringify(url)};
dropPermissions(Deno.args);
const tries = {
  ffi: () => Deno.dlopen("libc.so.6", {}),
  run: () => new Deno.Command("true").outputSync(),
  env: () => Deno.env.get("PATH"),
};
for (const [name, tried] of Object.entries(tries)) {
  try {
    tried();
    console.log(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}
`;
}

for (
  const [command, left] of [["list", ["env"]], ["vip", ["ffi", "run", "env"]]]
) {
  Deno.test(`dropPermissions() leaves ${command} with ${left}`, async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-prompt", "--quiet", "-", `${command}`],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    const url = import.meta.resolve("./permissions.ts");
    await writer.write(new TextEncoder().encode(program(url)));
    await writer.close();
    const { code, stdout } = await child.output();
    assert.equal(code, 0);
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    assert.deepEqual(lines, left);
  });
}
