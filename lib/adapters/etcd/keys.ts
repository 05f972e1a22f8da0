/** Where a scope's keys are in etcd, and the translation to the port's values. */
import { Buffer } from "node:buffer";
import type { IEvent, IKeyValue } from "etcd3";
import { leaseId, revision } from "../../core/base/units.ts";
import type { DcsChange, DcsEntry } from "../../ports/dcs.ts";

/** etcd's "no lease". */
const NO_LEASE = "0";

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

  /** A stored key as the port shows it. */
  entry(kv: IKeyValue): DcsEntry {
    return {
      key: this.#relative(kv.key),
      value: kv.value.toString(),
      revision: revision(BigInt(kv.mod_revision)),
      leaseId: kv.lease === NO_LEASE ? null : leaseId(kv.lease),
    };
  }

  /** A watch's event as the port shows it. */
  change(event: IEvent): DcsChange {
    return {
      key: this.#relative(event.kv.key),
      value: event.type === "Delete" ? null : event.kv.value.toString(),
      revision: revision(BigInt(event.kv.mod_revision)),
    };
  }

  #relative(key: Buffer): string {
    return key.subarray(this.#prefixLength).toString();
  }
}
