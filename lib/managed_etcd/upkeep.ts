/** Upkeep of a running member: snapshots, room when it is full, defragmentation. */
import { nextUpkeep } from "../core/calc/etcd_member/upkeep.ts";
import type { EtcdStatus } from "../core/model/etcd_member.ts";
import type { Log } from "../ports/log.ts";
import type {
  EtcdAdmin,
  EtcdSnapshots,
  EtcdTurns,
} from "../ports/etcd_member.ts";

/** Members that are full make room one after the other, so many looks apart. */
const LOOKS_APART = 3;
/** The alarm is taken back if that part of the quota is not used. */
const ROOM_PART = 0.1;

/** What it works with. */
export interface EtcdUpkeepParts {
  readonly clientUrl: string;
  readonly quotaBytes: number;
  readonly snapshotEveryMs: number;
  readonly admin: EtcdAdmin;
  readonly turns: EtcdTurns;
  readonly snapshots: EtcdSnapshots;
  readonly log: Log;
}

/** Tends one member. */
export class EtcdUpkeeper {
  readonly #parts: EtcdUpkeepParts;
  /** Looks at which it was full, in a row. */
  #fullLooks = 0;
  /** The last failure, which is told once. */
  #failure: string | null = null;

  constructor(parts: EtcdUpkeepParts) {
    this.#parts = parts;
  }

  /** Does the one thing that is due. Never rejects. */
  async tend(own: EtcdStatus, signal: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    if (signal.aborted) return;
    try {
      await this.#tend(own);
      this.#failure = null;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== this.#failure) log.error(`etcd: upkeep failed: ${text}`);
      this.#failure = text;
    }
  }

  async #tend(own: EtcdStatus): Promise<void> {
    const { admin, clientUrl, log, quotaBytes, snapshots } = this.#parts;
    const full = await admin.full(clientUrl);
    const isFull = full.includes(own.memberId);
    if (!isFull) this.#fullLooks = 0;
    const { snapshotEveryMs } = this.#parts;
    const snapshotAgeMs = await snapshots.ageMs();
    switch (
      nextUpkeep({ own, isFull, quotaBytes, snapshotAgeMs, snapshotEveryMs })
    ) {
      case null:
        return;
      case "make_room":
        return await this.#makeRoom(own, full);
      case "snapshot":
        await admin.saveSnapshot(clientUrl, await snapshots.next());
        return await snapshots.prune();
      case "defragment": {
        const isDone = await this.#parts.turns.inTurn(
          clientUrl,
          () => admin.defragment(clientUrl),
        );
        if (isDone) log.info("etcd: gave free space back to the disk");
      }
    }
  }

  async #makeRoom(own: EtcdStatus, full: readonly string[]): Promise<void> {
    const { admin, clientUrl, log, quotaBytes } = this.#parts;
    const turn = full.toSorted().indexOf(own.memberId) * LOOKS_APART;
    if (this.#fullLooks++ < turn) return;
    const quota = `${Math.round(quotaBytes / 2 ** 20)} MB`;
    log.critical(
      `etcd: its data have reached the quota of ${quota}, so it refuses every ` +
        "write, the leader's lease included; making room",
    );
    await admin.makeRoom(clientUrl);
    const { dbBytes } = await admin.status(clientUrl);
    const size = `${Math.round(dbBytes / 2 ** 20)} MB`;
    if (dbBytes > quotaBytes * (1 - ROOM_PART)) {
      return log.critical(
        `etcd: ${size} of data are left after compaction: remove keys that ` +
          "are not Matriarch's, or raise etcd3.quota, restart " +
          "matriarch, and then etcd by `matriarch etcd restart`",
      );
    }
    await admin.calm(clientUrl, own.memberId);
    this.#fullLooks = 0;
    log.warning(`etcd: made room (${size} of data); it takes writes again`);
  }
}
