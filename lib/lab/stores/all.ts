/** The stores that a lab can bring along. */
import { CONSUL } from "./consul.ts";
import { DYNAMODB } from "./dynamodb.ts";
import { ETCD } from "./etcd.ts";
import { KUBERNETES } from "./kubernetes.ts";
import { PGSTORE } from "./pgstore.ts";
import { REDIS } from "./redis.ts";
import { SQLITE } from "./sqlite.ts";
import type { LabStore } from "./store.ts";
import { ZOOKEEPER } from "./zookeeper.ts";

/** The first one is used where nobody chooses. */
export const LAB_STORES: readonly LabStore[] = [
  SQLITE,
  ETCD,
  CONSUL,
  DYNAMODB,
  KUBERNETES,
  PGSTORE,
  REDIS,
  ZOOKEEPER,
];

/** Null: there is none of that name. */
export function labStore(name: string): LabStore | null {
  return LAB_STORES.find((store) => store.name === name) ?? null;
}
