/**
 * The order of a managed member, in its folder. It is replaced in one step, so a
 * loss of power leaves the old one or the new one.
 */
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type EtcdOrder, ORDER_FILE } from "../../core/model/etcd_order.ts";
import { decodeOrder } from "./order_codec.ts";

/**
 * The order in the folder; null: there is none.
 *
 * @throws {Error} If the file cannot be read, or is none of ours.
 */
export async function readOrder(dataDir: string): Promise<EtcdOrder | null> {
  const path = join(dataDir, ORDER_FILE);
  try {
    return decodeOrder(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new Error(`Cannot use ${path}: ${String(error)}`, { cause: error });
  }
}

/** Writes the order and makes the folder, which is its user's alone. */
export async function writeOrder(
  dataDir: string,
  order: EtcdOrder,
): Promise<void> {
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  await replaceFile(join(dataDir, ORDER_FILE), `${JSON.stringify(order)}\n`);
}

/**
 * Replaces a file so that it is never seen half written, also after a loss of
 * power. What root writes belongs to the folder's owner: the agent is to read it.
 * That owner may lay links there, so nothing is followed and the owner is set by
 * the open file, not by its name.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  const folder = dirname(path);
  const next = `${path}.new`;
  await rm(next, { force: true });
  const file = await open(next, "wx", 0o600);
  try {
    await file.writeFile(content);
    await giveToOwner(file, folder);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  using entries = await Deno.open(folder);
  await entries.sync();
}

async function giveToOwner(file: FileHandle, folder: string): Promise<void> {
  if (Deno.uid() !== 0) return;
  const { uid, gid } = await stat(folder);
  if (uid !== 0) await file.chown(uid, gid);
}
