/**
 * Runs the tests of a file as an ordinary user: PostgreSQL refuses to run as
 * root, and files that root makes would hide missing rights.
 *
 * As root, a file that calls `unprivileged()` has one test, which runs the same
 * file once more under the user `postgres`; there the tests themselves register.
 */
import assert from "node:assert/strict";
import {
  UNPRIVILEGED_USER as USER,
  unprivilegedRun,
} from "../../scripts/suite/unprivileged_run.ts";

const CHECKOUT = new URL("../../", import.meta.url).pathname;

/** Registers tests, in a process of user `postgres` if this one is root. */
export function unprivileged(fileUrl: string, register: () => void): void {
  if (Deno.uid() !== 0) return register();
  const path = new URL(fileUrl).pathname;
  const name = path.slice(path.lastIndexOf("/") + 1);
  Deno.test(`${name} as user ${USER}`, async () => {
    assert.ok(
      await isReadable(path),
      `The user ${USER} cannot read ${CHECKOUT}: ./scripts/test runs in a ` +
        "copy then; for a single file move the checkout to an open folder",
    );
    const home = await Deno.makeTempDir({ prefix: "matriarch-home-" });
    try {
      await Deno.chmod(home, 0o777);
      const { code, text } = await runTests(path, home);
      assert.equal(code, 0, `${name} failed:\n${text}`);
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  });
}

/** Whether the other user can enter the checkout and start this very Deno. */
async function isReadable(path: string): Promise<boolean> {
  const looks = 'test -r "$1" && test -x "$2"';
  const { success } = await new Deno.Command("runuser", {
    args: ["-u", USER, "--", "sh", "-c", looks, "sh", path, Deno.execPath()],
    cwd: "/",
  }).output();
  return success;
}

/** Runs them; what they print is only of interest if one fails. */
async function runTests(
  path: string,
  home: string,
): Promise<{ readonly code: number; readonly text: string }> {
  const words = [path, ...filterArguments()];
  const { program, args, env } = await unprivilegedRun(words, home);
  const { code, stdout } = await new Deno.Command(program, {
    args: [...args],
    cwd: CHECKOUT,
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  // Lost where files run beside each other.
  console.log(text);
  return { code, text };
}

/** `MATRIARCH_TEST_FILTER` narrows the inner run while developing. */
function filterArguments(): readonly string[] {
  const filter = Deno.env.get("MATRIARCH_TEST_FILTER");
  return filter === undefined ? [] : [`--filter=${filter}`];
}
