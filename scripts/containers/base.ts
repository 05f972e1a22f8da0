/**
 * A base image that is pulled from nowhere: Debian's minimal system by
 * debootstrap, with the packages that the Dockerfile installs lying in apt's
 * cache, so that its very commands work without a network.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError, run } from "../pack/run.ts";

/** Calls an engine's command line, such as `docker`. */
export type Engine = (args: readonly string[]) => Promise<void>;

const CACHE = fileURLToPath(
  new URL("../../.cache/containers", import.meta.url),
);
const SUITE = "bookworm";
const PACKAGES = ["postgresql-15", "tini"];
const NAME = "localhost/matriarch-base";

/** In a mount namespace, so that nothing stays mounted. $1 root, $2 mirror, $3 suite, then packages. */
const MAKE = `set -eu
root=$1; mirror=$2; suite=$3; shift 3
debootstrap --variant=minbase "$suite" "$root" "$mirror"
DEBIAN_FRONTEND=noninteractive chroot "$root" sh -c 'apt-get update -q && apt-get install -qy --download-only --no-install-recommends "$@"' sh "$@"
`;

/**
 * Makes the base if it is not in the cache, and gives it to the engine.
 *
 * @returns Its name there.
 * @throws {CommandError} If it cannot be made here.
 */
export async function importBase(engine: Engine): Promise<string> {
  const archive = join(CACHE, "base.tar");
  if (!await isFile(archive)) await makeBase(archive);
  await engine(["import", archive, NAME]);
  return NAME;
}

async function makeBase(archive: string): Promise<void> {
  if (Deno.uid() !== 0) {
    throw new CommandError(
      "Only root can make a base by debootstrap; --base debian:bookworm-slim " +
        "takes one from a registry",
    );
  }
  await Deno.mkdir(CACHE, { recursive: true });
  const root = await Deno.makeTempDir({ dir: CACHE, prefix: "base-" });
  try {
    console.error(`image: making a base of Debian ${SUITE} by debootstrap`);
    await run("unshare", [
      ...["--mount", "--propagation", "private"],
      ...["sh", "-c", MAKE, "sh", root, await mirror(), SUITE, ...PACKAGES],
    ]);
    await run("tar", ["-C", root, "-cf", `${archive}.new`, "."]);
    await Deno.rename(`${archive}.new`, archive);
  } finally {
    await run("rm", ["-rf", "--one-file-system", root]);
  }
}

/** The mirror this machine uses, from its own apt configuration. */
async function mirror(): Promise<string> {
  const sites = await run("apt-get", [
    ...["indextargets", "--format", "$(SITE)", "Created-By: Packages"],
  ]);
  const [site = ""] = sites.split("\n");
  if (site !== "") return site;
  throw new CommandError("Cannot find this machine's package mirror");
}

async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => null))?.isFile === true;
}
