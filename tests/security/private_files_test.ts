/**
 * Goal: no file of ours can be read, locked or redirected by another local user.
 *
 * Method: an open umask, links and files that a stranger has put where a draft
 * of ours could be expected, and a look at what is left.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { writeAtomically } from "../../lib/adapters/postgres/directory/files.ts";
import { DcsSqlite } from "../../lib/adapters/sqlite/dcs_sqlite.ts";

class Folder {
  readonly path = Deno.makeTempDirSync({ prefix: "matriarch-files-" });
  readonly #umask = Deno.umask(0o000);

  [Symbol.dispose](): void {
    Deno.umask(this.#umask);
    Deno.removeSync(this.path, { recursive: true });
  }
}

function modeOf(path: string): string {
  return ((Deno.statSync(path).mode ?? 0) & 0o777).toString(8);
}

Deno.test("nobody else can read the SQLite store, or lock it", async () => {
  using folder = new Folder();
  const path = join(folder.path, "lab", "dcs.sqlite");
  const dcs = new DcsSqlite({ path, scopePath: "a", clock: new SystemClock() });
  await dcs.read({ timeoutMs: 10_000 });
  const modes = [...Deno.readDirSync(join(folder.path, "lab"))]
    .map(({ name }) => `${name} ${modeOf(join(folder.path, "lab", name))}`);
  await dcs.close();
  assert.equal(modeOf(join(folder.path, "lab")), "700");
  assert.deepEqual(modes.sort(), [
    "dcs.sqlite 600",
    "dcs.sqlite-shm 600",
    "dcs.sqlite-wal 600",
  ]);
});

Deno.test("a written file opens nothing that was there before", async () => {
  using folder = new Folder();
  const target = join(folder.path, "victim");
  Deno.writeTextFileSync(target, "untouched");
  const path = join(folder.path, "pgpass");
  for (const name of [`${path}.new`, `${path}.${Deno.pid}.new`]) {
    Deno.symlinkSync(target, name);
  }
  await writeAtomically(path, "secret");
  assert.equal(Deno.readTextFileSync(path), "secret");
  assert.equal(Deno.lstatSync(path).isSymlink, false);
  assert.equal(modeOf(path), "600");
  assert.equal(Deno.readTextFileSync(target), "untouched");
});

Deno.test("a file that is a link is replaced, and not what it leads to", async () => {
  using folder = new Folder();
  const target = join(folder.path, "victim");
  Deno.writeTextFileSync(target, "untouched");
  const path = join(folder.path, "pgpass");
  Deno.symlinkSync(target, path);
  await writeAtomically(path, "secret");
  assert.equal(Deno.readTextFileSync(target), "untouched");
  assert.equal(Deno.lstatSync(path).isSymlink, false);
});
