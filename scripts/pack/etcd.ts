/**
 * The etcd that comes along: Debian's programs, unchanged, compressed, with the
 * list of their hashes and their licence beside.
 *
 *     etcd/programs.json     SHA-256 of each program
 *     etcd/etcd.gz           the server
 *     etcd/etcdutl.gz        restores snapshots
 *     etcd/copyright         of Debian's package
 *     etcd/Apache-2.0        the licence
 *
 * Run by itself it only fetches the package, for the tests; without it they take
 * the etcd of this machine.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { unpackPackage } from "../bench/get_patroni.ts";
import { CommandError } from "./run.ts";

/** Kept between builds; tests with managed members use it, too. */
const CACHE = fileURLToPath(new URL("../../.cache/etcd", import.meta.url));
/** Etcd 3.5; newer ones are in no stable suite. */
const SUITE = "trixie";
const PACKAGE = "etcd-server";
const LICENCE = "/usr/share/common-licenses/Apache-2.0";
const PROGRAMS = ["etcd", "etcdutl"] as const;

/** Files that Debian's package has elsewhere. */
export const LICENCES: readonly string[] = ["Apache-2.0", "copyright"];

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Where the programs come from. */
export type EtcdSource =
  /** None come along. */
  | "none"
  /** Debian's package, fetched once. */
  | "package"
  /** Path of another etcd, with an etcdutl beside it. */
  | { readonly path: string };

/** What `--etcd PATH|none` means. */
export function etcdSourceOf(option: string | undefined): EtcdSource {
  if (option === undefined) return "package";
  return option === "none" ? "none" : { path: option };
}

/** The version of the package that was fetched; null: none was. */
export async function etcdPackageVersion(): Promise<string | null> {
  const path = join(CACHE, "usr/share/doc", PACKAGE, "changelog.Debian.gz");
  const packed = await Deno.readFile(path).catch(() => null);
  if (packed === null) return null;
  const text = new TextDecoder().decode(await decompress(packed));
  return /^\S+ \(([^()\s]+)\)/.exec(text)?.[1] ?? null;
}

/**
 * Puts the programs into the folder `etcd` of the stage.
 *
 * @throws {CommandError} If they are not to be had.
 */
export async function packEtcd(
  stage: string,
  source: EtcdSource,
): Promise<void> {
  if (source === "none") return;
  const target = join(stage, "etcd");
  await Deno.mkdir(target);
  const folder = source === "package" ? await fetched() : dirname(source.path);
  const hashes: [string, string][] = [];
  for (const name of PROGRAMS) {
    const bytes = await Deno.readFile(join(folder, name)).catch(() => {
      throw new CommandError(`--etcd: there is no ${join(folder, name)}`);
    });
    const hash = createHash("sha256").update(bytes).digest("hex");
    hashes.push([name, hash]);
    const packed = await compressed(bytes, hash);
    await Deno.writeFile(join(target, `${name}.gz`), packed);
  }
  const list = JSON.stringify(Object.fromEntries(hashes), null, 2);
  await Deno.writeTextFile(join(target, "programs.json"), `${list}\n`);
  const notice = join(CACHE, "usr/share/doc", PACKAGE, "copyright");
  if (source === "package") {
    await Deno.copyFile(notice, join(target, "copyright"));
  }
  await Deno.copyFile(LICENCE, join(target, "Apache-2.0")).catch(() => {
    throw new CommandError(`The licence of etcd is not at ${LICENCE}`);
  });
}

async function fetched(): Promise<string> {
  const folder = join(CACHE, "usr/bin");
  if (await isFile(join(folder, "etcd"))) return folder;
  console.error(`compile: fetching ${PACKAGE} of Debian ${SUITE}`);
  try {
    await unpackPackage(PACKAGE, { suite: SUITE, dir: CACHE });
  } catch (error) {
    throw new CommandError(
      `etcd is not to be had as ${PACKAGE} of Debian ${SUITE} (${error}): ` +
        "name another one with --etcd PATH, or leave it out with --etcd none",
    );
  }
  return folder;
}

/** It takes seconds, so it is kept. */
async function compressed(
  bytes: Uint8Array,
  hash: string,
): Promise<Uint8Array> {
  const path = join(CACHE, "packed", `${hash}.gz`);
  const known = await Deno.readFile(path).catch(() => null);
  if (known !== null) return known;
  const packed = await compress(bytes, { level: 9 });
  await Deno.mkdir(dirname(path), { recursive: true });
  const next = await Deno.makeTempFile({ dir: dirname(path) });
  await Deno.writeFile(next, packed);
  await Deno.chmod(next, 0o644);
  await Deno.rename(next, path);
  return packed;
}

async function isFile(path: string): Promise<boolean> {
  const found = await Deno.stat(path).catch(() => null);
  return found?.isFile ?? false;
}

if (import.meta.main) {
  try {
    await fetched();
  } catch (error) {
    console.error(`tests: ${error}`);
    if (Deno.env.get("CI") === "true") Deno.exit(1);
  }
}
