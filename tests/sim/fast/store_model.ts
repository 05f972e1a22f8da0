/**
 * The store of the fast mode: the keys of one scope as values, one revision
 * counter, and leases that run out by the store's own clock.
 */
import {
  type LeaseId,
  leaseId,
  lsn,
  type Revision,
  revision,
} from "../../../lib/core/base/units.ts";
import type {
  ClusterView,
  FailoverRequest,
  HistoryLine,
  InitializeKey,
  SyncKey,
} from "../../../lib/core/model/cluster_view.ts";
import type { Member } from "../../../lib/core/model/member.ts";
import type { Timeline } from "../world/timeline.ts";

interface Leader {
  readonly name: string;
  readonly leaseId: LeaseId;
  readonly revision: Revision;
}

interface Lease {
  readonly ttlMs: number;
  expiresAt: number;
}

const NO_SYNC: SyncKey = {
  leader: null,
  quorum: 0,
  standbys: [],
  revision: null,
};

/** Keys, leases, and who is told of changes. */
export class StoreModel {
  readonly #timeline: Timeline;
  readonly #onChange: (key: string) => void;
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #members = new Map<string, { member: Member; leaseId: LeaseId }>();
  #revision = 1;
  #granted = 0;
  #leader: Leader | null = null;
  #initialize: InitializeKey = { kind: "absent" };
  #failover: FailoverRequest | null = null;
  #sync: SyncKey = NO_SYNC;
  #history: readonly HistoryLine[] | null = null;
  #leaderLsn: number | null = null;
  #view: ClusterView | null = null;
  #hasConfig: boolean;
  #isPaused = false;

  constructor(
    timeline: Timeline,
    content: "with_config" | "empty",
    onChange: (key: string) => void,
  ) {
    this.#timeline = timeline;
    this.#onChange = onChange;
    this.#hasConfig = content === "with_config";
  }

  get leader(): Leader | null {
    return this.#leader;
  }

  get sync(): SyncKey {
    return this.#sync;
  }

  get failover(): FailoverRequest | null {
    return this.#failover;
  }

  /** The scope now; the same value until something changes. */
  view(): ClusterView {
    this.#view ??= {
      revision: revision(this.#revision),
      initialize: this.#initialize,
      config: this.#hasConfig
        ? {
          document: { ttl: 30, pause: this.#isPaused },
          revision: revision(1),
        }
        : null,
      leader: this.#leader,
      status: {
        leaderLsn: this.#leaderLsn === null ? null : lsn(this.#leaderLsn),
        slots: null,
        retainSlots: null,
      },
      members: [...this.#members.values()].map(({ member }) => member)
        .sort((a, b) => a.name < b.name ? -1 : 1),
      failover: this.#failover,
      sync: this.#sync,
      history: this.#history,
      failsafe: null,
    };
    return this.#view;
  }

  grant(ttlMs: number): LeaseId {
    const id = leaseId(String(++this.#granted));
    this.#leases.set(id, { ttlMs, expiresAt: this.#timeline.now + ttlMs });
    this.#expireLater(id);
    return id;
  }

  /** False: the lease is gone. */
  renew(id: LeaseId): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    lease.expiresAt = this.#timeline.now + lease.ttlMs;
    return true;
  }

  /** Puts the leader key if it is absent, or already names that member; null: it did not. */
  putLeader(
    name: string,
    id: LeaseId,
    guard: "absent" | "own",
  ): Revision | null {
    const holds = guard === "absent"
      ? this.#leader === null
      : this.#leader?.name === name;
    if (!holds || !this.#leases.has(id)) return null;
    this.#changed("leader");
    this.#leader = { name, leaseId: id, revision: revision(this.#revision) };
    return this.#leader.revision;
  }

  deleteLeader(name: string): boolean {
    if (this.#leader?.name !== name) return false;
    this.#leader = null;
    this.#changed("leader");
    return true;
  }

  putMember(member: Member, id: LeaseId): boolean {
    if (!this.#leases.has(id)) return false;
    this.#members.set(member.name, { member, leaseId: id });
    this.#changed(`members/${member.name}`);
    return true;
  }

  /** Null deletes the key. */
  putSync(
    sync: Omit<SyncKey, "revision"> | null,
    expected: {
      readonly revision: Revision | null;
      readonly term: Revision | null;
    },
  ): boolean {
    const { revision: known, term } = expected;
    const isTerm = term !== null && this.#leader?.revision === term;
    if (this.#sync.revision !== known || !isTerm) return false;
    this.#changed("sync");
    this.#sync = sync === null
      ? NO_SYNC
      : { ...sync, revision: revision(this.#revision) };
    return true;
  }

  putFailover(
    request: Omit<FailoverRequest, "revision"> | null,
    expected: Revision | null,
  ): boolean {
    if (expected !== null && this.#failover?.revision !== expected) {
      return false;
    }
    this.#changed("failover");
    this.#failover = request === null
      ? null
      : { ...request, revision: revision(this.#revision) };
    return true;
  }

  putInitialize(key: InitializeKey, guard: "absent" | "none"): boolean {
    if (guard === "absent" && this.#initialize.kind !== "absent") return false;
    this.#initialize = key;
    this.#changed("initialize");
    return true;
  }

  deleteBootstrapping(): boolean {
    if (this.#initialize.kind === "bootstrapping") {
      this.#initialize = { kind: "absent" };
      this.#changed("initialize");
    }
    return true;
  }

  putConfig(): void {
    this.#hasConfig = true;
    this.#changed("config");
  }

  putPause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#changed("config");
  }

  putStatus(leaderLsn: number): boolean {
    this.#leaderLsn = leaderLsn;
    this.#changed("status");
    return true;
  }

  putHistory(history: readonly HistoryLine[]): boolean {
    this.#history = history;
    this.#changed("history");
    return true;
  }

  #changed(key: string): void {
    this.#revision++;
    this.#view = null;
    this.#onChange(key);
  }

  #expireLater(id: LeaseId): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#timeline.after(lease.expiresAt - this.#timeline.now, () => {
      if (lease.expiresAt > this.#timeline.now) return this.#expireLater(id);
      this.#leases.delete(id);
      if (this.#leader?.leaseId === id) {
        this.#leader = null;
        this.#changed("leader");
      }
      for (const [name, entry] of this.#members) {
        if (entry.leaseId !== id) continue;
        this.#members.delete(name);
        this.#changed(`members/${name}`);
      }
    });
  }
}
