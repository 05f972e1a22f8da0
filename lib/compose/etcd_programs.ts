/**
 * Where etcd's programs are: in a folder that the configuration names, in this
 * very program, or, from a checkout, in PATH.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  packedEtcdPath,
  unpackPrograms,
} from "../adapters/etcd_member/packed_programs.ts";
import type { EtcdPrograms } from "../adapters/etcd_member/options.ts";
import type { ManagedEtcdConfig } from "../config/stores/managed_etcd.ts";
import { ConfigError } from "../config/problems.ts";

/** Beside the folder of the bundled program. */
const PACKED = join(dirname(dirname(fileURLToPath(import.meta.url))), "etcd");

/**
 * The programs, unpacked if they come along.
 *
 * @throws {ConfigError} If there are none.
 */
export async function etcdPrograms(
  { dataDir, programFolder }: Pick<
    ManagedEtcdConfig,
    "dataDir" | "programFolder"
  >,
): Promise<EtcdPrograms> {
  if (programFolder !== null) return await programsIn([programFolder]);
  const packed = await unpackPrograms(PACKED, join(dataDir, "bin"));
  if (packed !== null) return packed;
  return await programsIn(pathFolders());
}

/** Where `etcd` is, or would be unpacked to; null: there is none. Changes nothing. */
export async function etcdProgram(
  { dataDir, programFolder }: Pick<
    ManagedEtcdConfig,
    "dataDir" | "programFolder"
  >,
): Promise<string | null> {
  if (programFolder !== null) return await firstOf([programFolder], ["etcd"]);
  return await packedEtcdPath(PACKED, join(dataDir, "bin")) ??
    await firstOf(pathFolders(), ["etcd"]);
}

/** Whether there are any, without unpacking them. */
export async function hasEtcdPrograms(): Promise<boolean> {
  const packed = await Deno.readTextFile(join(PACKED, "programs.json"))
    .catch(() => null);
  return packed !== null || await firstOf(pathFolders(), ["etcd"]) !== null;
}

function pathFolders(): readonly string[] {
  return (Deno.env.get("PATH") ?? "").split(":");
}

async function programsIn(folders: readonly string[]): Promise<EtcdPrograms> {
  const etcd = await firstOf(folders, ["etcd"]);
  if (etcd === null) {
    throw new ConfigError(
      "etcd3.managed is true, but this program was built without etcd and " +
        `there is none in ${folders.join(", ")}: install etcd-server 3.4 or ` +
        "newer, or set etcd3.etcd_bin",
    );
  }
  const restorer = await firstOf(folders, ["etcdutl", "etcdctl"]);
  return { etcd, restorer: restorer ?? join(dirname(etcd), "etcdutl") };
}

async function firstOf(
  folders: readonly string[],
  names: readonly string[],
): Promise<string | null> {
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      const found = await Deno.stat(path).catch(() => null);
      if (found?.isFile) return path;
    }
  }
  return null;
}
