/** Where things lie in the folder of a managed member. */
import { join } from "node:path";

/** etcd's own folder. */
export function dataPath(dataDir: string): string {
  return join(dataDir, "etcd");
}

/** Process id, start time and boot of the process. */
export function pidPath(dataDir: string): string {
  return join(dataDir, "etcd.pid");
}

/** Locked by the process that keeps the member. */
export function lockPath(dataDir: string): string {
  return join(dataDir, "keeper.lock");
}

/** What etcd says. */
export function logPath(dataDir: string): string {
  return join(dataDir, "etcd.log");
}

/** The members as they were last known. */
export function membersPath(dataDir: string): string {
  return join(dataDir, "members.json");
}
