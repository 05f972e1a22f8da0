/**
 * The user that `join --witness` makes where there is none, by the system's own
 * program. In a mount namespace whose /etc is a copy, so that this machine keeps
 * its users.
 */
import assert from "node:assert/strict";
import type { FileOwner } from "../../lib/ports/setup.ts";

const USERS = new URL("../../lib/adapters/setup/users.ts", import.meta.url);
const NAME = "matriarch-test-user";

const why = Deno.uid() === 0 ? null : "only root makes users";

const PROGRAM = `
import { makeUser, userNamed } from "${USERS.href}";
const before = await userNamed("${NAME}");
const made = await makeUser("${NAME}", "/var/lib/nowhere");
const again = await makeUser("${NAME}", "/var/lib/nowhere");
const wrong = await makeUser("no:name", "/").catch((error) => error.message);
console.log(JSON.stringify({ before, made, again, wrong }));
`;

Deno.test({
  name: why === null
    ? "a user of the system is made once, and cannot log in"
    : `a user of the system is made once (skipped: ${why})`,
  ignore: why !== null,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-etc-" });
    try {
      const { stdout, stderr } = await new Deno.Command("unshare", {
        args: [
          ...["--mount", "--propagation", "private", "sh", "-euc"],
          'cp -a /etc "$1/etc"; mount --bind "$1/etc" /etc; shift; "$@"; ' +
          `grep '^${NAME}:' /etc/passwd`,
          ...["sh", folder, Deno.execPath(), "eval", "--no-check", PROGRAM],
        ],
        stdin: "null",
      }).output();
      const text = new TextDecoder();
      const [json = "", line = ""] = text.decode(stdout).trim().split("\n");
      const facts: {
        readonly before: FileOwner | null;
        readonly made: FileOwner;
        readonly again: FileOwner;
        readonly wrong: string;
      } = JSON.parse(
        json || `{"error": ${JSON.stringify(text.decode(stderr))}}`,
      );
      assert.equal(facts.before, null);
      assert.ok(facts.made.uid > 0 && facts.made.uid < 1_000, json);
      assert.deepEqual(facts.again, facts.made);
      assert.match(
        facts.wrong,
        /^Cannot make the user no:name \(.+\): make it/,
      );
      assert.match(line, /:\/var\/lib\/nowhere:\/usr\/sbin\/nologin$/);
      assert.ok(!(await Deno.readTextFile("/etc/passwd")).includes(NAME));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
