/** Where a scope's keys are in etcd, and the translation to the port's values. */
import { Buffer } from "node:buffer";
import type { IEvent, IKeyValue } from "etcd3";
import { revision } from "../../core/base/units.ts";
import type { DcsEntry } from "../../ports/dcs.ts";

/** etcd's "no lease". */
const NO_LEASE = "0";

/** etcd's counter of all its changes. */
export type Counter = bigint;

/** One key as etcd holds it. */
export interface StoredKey {
  readonly key: string;
  readonly value: string;
  /** Of its last change. */
  readonly at: Counter;
  /** Decimal; null: it stays. */
  readonly leaseId: string | null;
}

/** One key's new state; `entry` null: deleted. */
export interface CacheChange {
  readonly key: string;
  readonly at: Counter;
  readonly entry: StoredKey | null;
}

/** All keys of the scope at one moment. */
export interface StoredScope {
  readonly at: Counter;
  readonly entries: readonly StoredKey[];
}

/** A key as the port shows it to the process whose lease is `held`. */
export function entryOf(
  { key, value, at, leaseId }: StoredKey,
  held: string | null,
): DcsEntry {
  const isHeld = leaseId !== null && leaseId === held;
  return { key, value, revision: revision(at), isHeld };
}

/** The part of etcd's key space that is one scope. */
export class ScopeKeys {
  /** First key of the scope. */
  readonly start: Buffer;
  /** First key after the scope. */
  readonly end: Buffer;
  readonly #prefixLength: number;

  /** @param scopePath `/service/main`, without a slash at its end. */
  constructor(scopePath: string) {
    this.start = Buffer.from(`${scopePath}/`);
    // "0" follows "/", so that a scope never contains its neighbours.
    this.end = Buffer.from(`${scopePath}0`);
    this.#prefixLength = this.start.length;
  }

  /** The key in etcd. */
  full(key: string): Buffer {
    return Buffer.concat([this.start, Buffer.from(key)]);
  }

  /** A key of an answer. */
  entry(kv: IKeyValue): StoredKey {
    return {
      key: this.#relative(kv.key),
      value: kv.value.toString(),
      at: BigInt(kv.mod_revision),
      leaseId: kv.lease === NO_LEASE ? null : kv.lease,
    };
  }

  /** A watch's event. */
  change({ type, kv }: IEvent): CacheChange {
    const entry = type === "Delete" ? null : this.entry(kv);
    return { key: this.#relative(kv.key), at: BigInt(kv.mod_revision), entry };
  }

  #relative(key: Buffer): string {
    return key.subarray(this.#prefixLength).toString();
  }
}
