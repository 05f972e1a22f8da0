/**
 * etcd's programs that come along with this one: compressed files and a list of
 * their hashes. They are unpacked once into the member's folder, and whenever
 * they are to be started it is looked whether they are still what they were.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gunzip } from "node:zlib";
import { promisify } from "node:util";
import type { EtcdPrograms } from "./options.ts";
import { replaceFile } from "./order_file.ts";
import { record, text } from "./wire.ts";

const decompress = promisify(gunzip);

/** Where `etcd` would be unpacked to; null: none came along. Changes nothing. */
export async function packedEtcdPath(
  packed: string,
  target: string,
): Promise<string | null> {
  const hashes = await hashesOf(packed);
  return hashes === null
    ? null
    : pathOf({ target, name: "etcd", hash: text(hashes["etcd"]) });
}

/**
 * Unpacks the programs of the folder `packed` below `target`.
 *
 * @returns Null if none came along.
 * @throws {Error} If they are damaged, or there is no room.
 */
export async function unpackPrograms(
  packed: string,
  target: string,
): Promise<EtcdPrograms | null> {
  const hashes = await hashesOf(packed);
  if (hashes === null) return null;
  const program = async (name: string): Promise<string> =>
    await unpack({ packed, target, name, hash: text(hashes[name]) });
  const [etcd, restorer] = [await program("etcd"), await program("etcdutl")];
  await removeOthers(target, [etcd, restorer]);
  return { etcd, restorer };
}

async function hashesOf(
  packed: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const list = await Deno.readTextFile(join(packed, "programs.json"));
    return record(JSON.parse(list));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function pathOf({ target, name, hash }: {
  readonly target: string;
  readonly name: string;
  readonly hash: string;
}): string {
  return join(target, `${name}-${hash.slice(0, 16)}`);
}

async function unpack(
  { packed, target, name, hash }: {
    readonly packed: string;
    readonly target: string;
    readonly name: string;
    /** SHA-256 of the program, in hexadecimal. */
    readonly hash: string;
  },
): Promise<string> {
  const path = pathOf({ target, name, hash });
  const present = await Deno.readFile(path).catch(() => null);
  if (present !== null && hashOf(present) === hash) {
    await Deno.chmod(path, 0o700);
    return path;
  }
  const compressed = await Deno.readFile(join(packed, `${name}.gz`));
  const bytes = await decompress(Buffer.from(compressed));
  if (hashOf(bytes) !== hash) {
    throw new Error(`The ${name} that came along is damaged: copy it again`);
  }
  await Deno.mkdir(target, { recursive: true, mode: 0o700 });
  await replaceFile(path, bytes);
  await Deno.chmod(path, 0o700);
  return path;
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Those of other versions; a process that still runs one of them keeps it. */
async function removeOthers(
  target: string,
  kept: readonly string[],
): Promise<void> {
  for await (const { name } of Deno.readDir(target)) {
    const path = join(target, name);
    if (!kept.includes(path)) await Deno.remove(path);
  }
}
