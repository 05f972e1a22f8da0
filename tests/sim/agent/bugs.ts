/**
 * Mistakes that a simulator worth its name must find. They are planted at the
 * side of the product, in the ports of its agents, never inside of it.
 */
import type { Agent } from "../../../lib/agent/agent.ts";
import {
  after,
  type Moment,
  moment,
  type SessionId,
} from "../../../lib/core/base/units.ts";
import type { LastConsent } from "../../../lib/core/model/failsafe.ts";
import type { PostgresView } from "../../../lib/core/model/postgres_view.ts";
import type {
  DcsLimits,
  DcsSession,
  DcsSnapshot,
  RenewAnswer,
} from "../../../lib/ports/dcs.ts";
import type { MemoryDcs } from "../dcs_memory.ts";
import type { Instance } from "../world/instance.ts";
import type { Rng } from "../world/rng.ts";
import type { Site, World } from "../world/world.ts";
import type { Bridge } from "./bridge.ts";
import {
  LyingFencing,
  MemoryFencing,
  type PowerSwitch,
} from "./memory_fencing.ts";
import { MemoryPostgres, type PostgresParts } from "./memory_postgres.ts";
import { BridgedDcs, MemoryConsents } from "./ports.ts";

/** What the ports of one agent are made of. */
export interface Makers {
  readonly dcs: new (
    world: World,
    inner: MemoryDcs,
    bridge: Bridge,
  ) => BridgedDcs;
  readonly postgres: new (
    world: World,
    site: Site,
    parts: PostgresParts,
  ) => MemoryPostgres;
  readonly consents: new (
    records: Map<string, LastConsent>,
    name: string,
  ) => MemoryConsents;
  readonly fencing: new (driver: PowerSwitch, bridge: Bridge) => MemoryFencing;
  /** Changes what the ports do not reach. */
  readonly plant?: (agent: Agent, dcs: BridgedDcs) => void;
  /** By what it times the sessions of others; absent: its own clock. */
  readonly observerNow?: (now: Moment) => Moment;
}

/** The deadline counts from the answer instead of the request. */
class TimedDcs extends BridgedDcs {
  readonly #bridge: Bridge;
  lastLeaseCallMs = 0;

  constructor(world: World, inner: MemoryDcs, bridge: Bridge) {
    super(world, inner, bridge);
    this.#bridge = bridge;
  }

  override openSession(
    ttlMs: number,
    limits: DcsLimits,
  ): Promise<DcsSession> {
    return this.#timed(super.openSession(ttlMs, limits));
  }

  override renewSession(
    id: SessionId,
    limits: DcsLimits,
  ): Promise<RenewAnswer> {
    return this.#timed(super.renewSession(id, limits));
  }

  async #timed<T>(call: Promise<T>): Promise<T> {
    const asked = this.#bridge.now();
    const answer = await call;
    this.lastLeaseCallMs = this.#bridge.now() - asked;
    return answer;
  }
}

function countFromResponse(agent: Agent, dcs: BridgedDcs): void {
  if (!(dcs instanceof TimedDcs)) return;
  agent.guards.covered = (deadline): Moment =>
    after(deadline, dcs.lastLeaseCallMs);
}

/** How often a read is answered by what was read before. */
const STALE_READS = 3;

/**
 * A view in which this member led is used again, by reads that should be fresh,
 * too, and a lease that is gone is taken for alive.
 */
class StaleDcs extends BridgedDcs {
  readonly #name: string;
  #led: DcsSnapshot | null = null;
  #reads = 0;

  constructor(world: World, inner: MemoryDcs, bridge: Bridge) {
    super(world, inner, bridge);
    this.#name = bridge.host.name;
  }

  override async read(limits: DcsLimits): Promise<DcsSnapshot> {
    if (this.#led !== null && ++this.#reads <= STALE_READS) return this.#led;
    const snapshot = await super.read(limits);
    const isLeader = snapshot.entries.some(({ key, value }) =>
      key === "leader" && value === this.#name
    );
    this.#led = isLeader ? snapshot : null;
    this.#reads = 0;
    return snapshot;
  }

  /** Each renewal asks the store whether the key is still there. */
  override async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    const snapshot = await super.readFresh(limits);
    return this.#reads > 0 ? this.#led ?? snapshot : snapshot;
  }

  override async renewSession(
    id: SessionId,
    limits: DcsLimits,
  ): Promise<RenewAnswer> {
    const answer = await super.renewSession(id, limits);
    return this.#led === null ? answer : "alive";
  }
}

/** A promotion begins however little of the lease is left by then. */
class HastyPostgres extends MemoryPostgres {
  readonly #bridge: Bridge;
  readonly #site: Site;
  readonly #rng: Rng;

  constructor(world: World, site: Site, parts: PostgresParts) {
    super(world, site, parts);
    this.#site = site;
    this.#bridge = parts.bridge;
    this.#rng = world.rng("hasty");
  }

  override async promote(
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#bridge.sleep(this.#rng.int(0, 60_000));
    this.#site.instance.promote(() => undefined);
    await super.promote(timeoutMs, signal);
  }
}

/** Names that a session shows are taken for names that commits wait for. */
class CredulousPostgres extends MemoryPostgres {
  override async observe(): Promise<PostgresView> {
    const view = await super.observe();
    if (view.kind !== "running" || view.role !== "primary") return view;
    const namesInForceLsn = view.namesInForceLsn ?? view.flushedLsn;
    return { ...view, namesInForceLsn };
  }
}

/** A restarted agent does not know any more what it agreed to (R308 in vain). */
class ForgetfulConsents extends MemoryConsents {
  override load(): Promise<LastConsent | null> {
    return Promise.resolve({ at: moment(0), ttlMs: 0 });
  }
}

/** The section `standby_cluster` is not seen. */
class BlindDcs extends BridgedDcs {
  override async read(limits: DcsLimits): Promise<DcsSnapshot> {
    return withoutSection(await super.read(limits));
  }

  override async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return withoutSection(await super.readFresh(limits));
  }
}

function withoutSection(snapshot: DcsSnapshot): DcsSnapshot {
  const entries = snapshot.entries.map((entry) =>
    entry.key === "config"
      ? { ...entry, value: entry.value.replace("standby_cluster", "x") }
      : entry
  );
  return { ...snapshot, entries };
}

/** A replica moves its logical slots as far as it has replayed. */
class ReplayingPostgres extends MemoryPostgres {
  readonly #instance: Instance;

  constructor(world: World, site: Site, parts: PostgresParts) {
    super(world, site, parts);
    this.#instance = site.instance;
  }

  override observe(): Promise<PostgresView> {
    const { data, isStandbyRunning, slots } = this.#instance;
    if (data !== null && isStandbyRunning) {
      for (const name of slots.keys()) slots.set(name, data.point.lsn);
    }
    return super.observe();
  }
}

/** Any one voter is believed to be enough. */
class CredulousViewDcs extends BridgedDcs {
  override async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return withoutQuorum(await super.readFresh(limits));
  }

  override async read(limits: DcsLimits): Promise<DcsSnapshot> {
    return withoutQuorum(await super.read(limits));
  }
}

function withoutQuorum(snapshot: DcsSnapshot): DcsSnapshot {
  const entries = snapshot.entries.map((entry) =>
    entry.key === "sync"
      ? { ...entry, value: entry.value.replace(/"quorum":[1-9]/, '"quorum":0') }
      : entry
  );
  return { ...snapshot, entries };
}

/** A whole ttl of others takes it so much less. */
const IMPATIENCE = 1.3;

const SOUND: Makers = {
  dcs: BridgedDcs,
  postgres: MemoryPostgres,
  consents: MemoryConsents,
  fencing: MemoryFencing,
};

const MAKERS = {
  none: SOUND,
  lease_from_response: { ...SOUND, dcs: TimedDcs, plant: countFromResponse },
  promotion_without_budget: { ...SOUND, postgres: HastyPostgres },
  stale_leader_view: { ...SOUND, dcs: StaleDcs },
  shown_names_believed: { ...SOUND, postgres: CredulousPostgres },
  section_unseen: { ...SOUND, dcs: BlindDcs },
  slot_moved_by_replay: { ...SOUND, postgres: ReplayingPostgres },
  consent_forgotten: { ...SOUND, consents: ForgetfulConsents },
  fencing_lies: { ...SOUND, fencing: LyingFencing },
  one_pledge_is_enough: { ...SOUND, dcs: CredulousViewDcs },
  impatient_observer: {
    ...SOUND,
    observerNow: (now: Moment): Moment => moment(now * IMPATIENCE),
  },
} as const satisfies Readonly<Record<string, Makers>>;

/** The name of a mistake. */
export type PlantedBug = keyof typeof MAKERS;

/** True if `text` names one. */
export function isPlantedBug(text: string): text is PlantedBug {
  return Object.hasOwn(MAKERS, text);
}

/** How the ports of an agent with that mistake are made. */
export function makersOf(bug: PlantedBug): Makers {
  return MAKERS[bug];
}
