/**
 * What names one file or folder for ever, under whatever path it is found: inode
 * numbers are given away again at once, so the moment of its birth counts too.
 */
import {
  asObject,
  type JsonObject,
  readCount,
} from "../../../core/codec/json.ts";
import { isMissing } from "./files.ts";

/** A file or folder, whatever its path. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
  /** Milliseconds since 1970; null where the file system does not say. */
  readonly bornAt: number | null;
}

/** Identity of what `path` leads to; null if there is nothing. */
export async function identityOf(path: string): Promise<FileIdentity | null> {
  try {
    const { dev, ino, birthtime } = await Deno.stat(path);
    const bornAt = birthtime?.getTime() || null;
    return { device: dev, inode: ino ?? 0, bornAt };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** True only if both are there. A device may have another number after a boot. */
export function isSameFile(
  a: FileIdentity | null,
  b: FileIdentity | null,
): boolean {
  if (a === null || b === null || a.inode !== b.inode) return false;
  return a.bornAt === null || b.bornAt === null
    ? a.device === b.device && a.bornAt === b.bornAt
    : a.bornAt === b.bornAt;
}

/** As {@link FileIdentity} stands in a file; null if it is none. */
export function readIdentity(value: unknown): FileIdentity | null {
  const object: JsonObject | null = asObject(value);
  const device = readCount(object?.["device"]);
  const inode = readCount(object?.["inode"]);
  if (device === null || inode === null) return null;
  return { device, inode, bornAt: readCount(object?.["bornAt"]) };
}
