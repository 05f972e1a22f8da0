/** The nodes of a scope, and which of them are keys. */
import { revision } from "../../core/base/units.ts";
import type { DcsEntry } from "../../ports/dcs.ts";
import type { Stat } from "./messages.ts";

/** One node as ZooKeeper holds it. */
export interface StoredNode {
  readonly value: string;
  readonly stat: Stat;
}

/** All nodes of the scope at one moment. */
export interface StoredScope {
  /** The store's counter at that moment. */
  readonly at: bigint;
  /** By their path below the scope; the scope's own is "". Empty: it has none. */
  readonly nodes: ReadonlyMap<string, StoredNode>;
}

/** A folder that Patroni makes before there is anything in it. */
const KNOWN_FOLDER = "members";

/**
 * Whether a node is a key. Folders are nodes, too: they hold nothing, and
 * something was once made in them. A key may be empty as well (`initialize`).
 */
export function isKey(key: string, { value, stat }: StoredNode): boolean {
  const isFolder = value === "" &&
    (stat.creations > 0 || key === KNOWN_FOLDER);
  return key !== "" && !isFolder;
}

/** The key's node; undefined: there is no such key, but maybe a folder. */
export function keyNode(
  { nodes }: StoredScope,
  key: string,
): StoredNode | undefined {
  const node = nodes.get(key);
  return node !== undefined && isKey(key, node) ? node : undefined;
}

/** The keys as the port shows them to the process whose session is `held`. */
export function entriesOf(
  { nodes }: StoredScope,
  held: bigint | null,
): readonly DcsEntry[] {
  return [...nodes].filter(([key, node]) => isKey(key, node))
    .map(([key, { value, stat: { changedAt, owner } }]) => ({
      ...{ key, value, revision: revision(changedAt) },
      isHeld: owner !== 0n && owner === held,
    }))
    .sort((left, right) => left.key < right.key ? -1 : 1);
}

/** The folder that a node lies in. */
export function folderOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

/** The path below a folder or the scope. */
export function below(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** ZooKeeper's path of a node of the scope. */
export function pathOf(scopePath: string, key: string): string {
  return key === "" ? scopePath : `${scopePath}/${key}`;
}
