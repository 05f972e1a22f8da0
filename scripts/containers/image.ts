/**
 * Makes the image of a container: compiles the one file, then builds the
 * Dockerfile by the engine that there is. The tests build the same Dockerfile on
 * another base, which is made here, because no image can be pulled everywhere.
 *
 *     scripts/image [--base IMAGE|debootstrap] [--tag NAME] [--no-compile]
 *
 * With `--base debootstrap` (as root, on Debian) nothing is pulled, and the
 * build needs no network. DOCKER names another engine's command, such as podman.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CommandError, run } from "../pack/run.ts";
import { type Engine, importBase } from "./base.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "../..");
const BASE = "debian:bookworm-slim";
const TAG = "localhost/matriarch";
const USAGE =
  "usage: scripts/image [--base IMAGE|debootstrap] [--tag NAME] [--no-compile]";

/** What to build. */
export interface ImageOptions {
  /** An image, or `debootstrap`. */
  readonly base: string;
  readonly tag: string;
}

/**
 * Builds the image of `dist/matriarch`.
 *
 * @throws {CommandError} If the engine does not.
 */
export async function buildImage(
  { base, tag }: ImageOptions,
  engine: Engine,
): Promise<void> {
  const isOwn = base === "debootstrap";
  const from = isOwn ? await importBase(engine) : base;
  await engine([
    ...["build", "--tag", tag, "--build-arg", `BASE=${from}`],
    // All that it installs is in the base.
    ...(isOwn ? ["--network", "none"] : []),
    ROOT,
  ]);
}

/** The engine that there is, with its words shown. */
async function localEngine(args: readonly string[]): Promise<void> {
  const command = Deno.env.get("DOCKER") ?? "docker";
  const child = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
  }).spawn().status.catch((error) => {
    throw new CommandError(
      `Cannot run ${command} (${error.message}): install Docker, or name ` +
        "another engine's command in DOCKER",
    );
  });
  if (child.success) return;
  throw new CommandError(`${command} ${args[0]} ended with ${child.code}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      "base": { type: "string", default: BASE },
      "tag": { type: "string", default: TAG },
      "no-compile": { type: "boolean", default: false },
      "help": { type: "boolean", default: false, short: "h" },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  try {
    if (!values["no-compile"]) {
      console.log(await run(resolve(ROOT, "scripts/compile"), []));
    }
    await buildImage({ base: values.base, tag: values.tag }, localEngine);
    console.log(`image: ${values.tag}; docker compose up starts three of it`);
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(`image: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());
