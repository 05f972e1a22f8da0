/**
 * Brings real agents (`lib/agent`, as the composition root connects them) into
 * a world, on memory ports and the memory store.
 */
import { BOOTSTRAPPING_VALUE } from "../../../lib/core/codec/initialize_codec.ts";
import { encodeJson } from "../../../lib/core/codec/json.ts";
import { decodeFailsafe } from "../../../lib/core/codec/failsafe_codec.ts";
import { decodeSync } from "../../../lib/core/codec/sync_codec.ts";
import type {
  FailsafePing,
  LastConsent,
} from "../../../lib/core/model/failsafe.ts";
import type { ScheduledRestart } from "../../../lib/core/model/request.ts";
import type { FailsafeConsent } from "../../../lib/ports/agent_api.ts";
import { primary } from "../../helpers/builders.ts";
import { MemoryStore, type StoredKey } from "../dcs_memory_store.ts";
import { DAY_ZERO } from "../world/instance.ts";
import { documentOf } from "../world/plan.ts";
import type { Driver, SyncFacts, World } from "../world/world.ts";
import type { PlantedBug } from "./bugs.ts";
import { WatchdogDevice } from "./memory_watchdog.ts";
import type { KeptRecord } from "./memory_pledge.ts";
import type { PulseNet } from "./memory_pulse.ts";
import { SimAgent } from "./sim_agent.ts";
import { WorldClock } from "./bridge.ts";

/** systemd's RestartSec, so to say. */
const RESTART_MS = 3_000;

/** Until a host that was reset is back. */
const BOOT_MS = 20_000;

/** The keys of the simulated scope. */
export const SCOPE_PATH = "/service/sim/";

interface Facts {
  readonly keys: readonly StoredKey[];
  readonly failsafe: readonly string[] | null;
  readonly leader: string | null;
  readonly sync: SyncFacts | null;
  readonly isBootstrapping: boolean;
}

/** The agents and the store of one world. */
export class AgentDriver implements Driver {
  readonly world: World;
  readonly store: MemoryStore;
  readonly bug: PlantedBug;
  /** What lies in the data directories beside the data. */
  readonly files = new Map<string, Readonly<Record<string, unknown>>>();
  /** Pledges as members recorded them; they outlive agents, and are lost with disks. */
  readonly records = new Map<string, KeptRecord>();
  /** Who is heard by whom. */
  readonly pulses: PulseNet = new Map();
  /** What members wrote down of their consents; outlives their agents. */
  readonly consents = new Map<string, LastConsent>();
  /** By member; empty where no watchdog is configured. */
  readonly watchdogs = new Map<string, WatchdogDevice>();
  readonly #agents = new Map<string, SimAgent>();
  #facts: Facts | null = null;

  constructor(world: World, bug: PlantedBug = "none") {
    this.world = world;
    this.bug = bug;
    this.store = new MemoryStore(
      new WorldClock(world.timeline),
      world.plan.expiry,
    );
    if (world.plan.faults.has("watchdog")) {
      for (const { name } of world.sites) {
        const why = { who: "the watchdog", bootMs: BOOT_MS };
        const reset = (): void => this.resetHost(name, why);
        this.watchdogs.set(name, new WatchdogDevice(world.timeline, reset));
      }
    }
    if (!world.plan.isFresh) {
      this.#put("config", encodeJson(documentOf(world.plan.settings)));
      // Nobody would publish it: a standby without it belongs elsewhere.
      if (world.isStandbyCluster) this.#put("initialize", DAY_ZERO);
    }
  }

  leader(): string | null {
    return this.#now().leader;
  }

  failsafeMembers(): readonly string[] | null {
    return this.#now().failsafe;
  }

  syncKey(): SyncFacts | null {
    return this.#now().sync;
  }

  isBootstrapping(): boolean {
    return this.#now().isBootstrapping;
  }

  startAgent(name: string): void {
    const site = this.world.site(name);
    if (site === null || site.host.isAgentUp) return;
    site.host.startAgent();
    this.world.note(name, "agent starts");
    const agent = new SimAgent(this, site);
    this.#agents.set(name, agent);
    const delayMs = this.world.rng("agents").int(1, 500);
    site.host.after(delayMs, () => agent.start());
  }

  killAgent(name: string): void {
    this.#agents.get(name)?.abandon();
    this.#agents.delete(name);
    this.world.site(name)?.host.killAgent();
  }

  stopAgent(name: string): void {
    this.#agents.get(name)?.stop();
  }

  /** An agent ended by itself; its service manager starts it again. */
  agentExited(name: string): void {
    this.world.note(name, "agent ends");
    this.killAgent(name);
    this.world.timeline.after(RESTART_MS, () => this.startAgent(name));
  }

  linksChanged(name: string): void {
    this.#agents.get(name)?.linkChanged();
  }

  switchOver(candidate: string | null, inMs?: number): void {
    const leader = this.leader();
    if (leader === null || candidate === leader) return;
    this.world.note("ops", `switchover ${leader} -> ${candidate ?? "any"}`);
    const request = {
      leader,
      ...(candidate === null ? {} : { member: candidate }),
      ...(inMs === undefined ? {} : { scheduled_at: this.world.timeIn(inMs) }),
    };
    this.#put("failover", encodeJson(request));
  }

  restart(name: string): void {
    this.#agents.get(name)?.ask({ kind: "restart", timeoutMs: 30_000 });
  }

  scheduleRestart(name: string, inMs: number): void {
    const restart = scheduledRestart(this.world.timeIn(inMs));
    this.#agents.get(name)?.scheduleRestart(restart);
  }

  reinitialize(name: string): void {
    const leader = this.leader();
    if (leader === null || leader === name) return;
    const request = {
      kind: "reinitialize",
      isForcedFromLeader: false,
    } as const;
    this.#agents.get(name)?.ask(request);
  }

  breakWatchdog(name: string, ms: number): void {
    const device = this.watchdogs.get(name);
    if (device === undefined) return;
    this.world.note(name, `no watchdog for ${ms} ms`);
    device.isBroken = true;
    this.world.timeline.after(ms, () => {
      device.isBroken = false;
    });
  }

  settingsChanged(): void {
    this.#put("config", encodeJson(documentOf(this.world.settings)));
  }

  /** What the agent of that member answers to a leader without store. */
  async acceptFailsafe(
    name: string,
    ping: FailsafePing,
  ): Promise<FailsafeConsent | null> {
    const consent = await this.#agents.get(name)?.acceptFailsafe(ping) ?? null;
    if (consent?.kind === "accepted") {
      const { checkers, plan, timeline } = this.world;
      const ttlMs = ping.ttlMs ?? plan.settings.ttlMs;
      const untilMs = timeline.now + ttlMs;
      checkers.consented({ by: name, to: ping.name, untilMs });
    }
    return consent;
  }

  /** Ends everything that still waits. */
  close(): void {
    for (const agent of this.#agents.values()) agent.abandon();
    this.store.close();
  }

  /** The whole host is gone, and comes back. */
  resetHost(
    name: string,
    why: { readonly who: string; readonly bootMs: number },
  ): void {
    this.world.note(name, `${why.who} resets the host`);
    this.killAgent(name);
    this.world.instance(name)?.kill();
    this.world.timeline.after(why.bootMs, () => this.startAgent(name));
  }

  #put(key: string, value: string): void {
    const edit = { kind: "put", key, value, session: null } as const;
    this.store.write(SCOPE_PATH, { when: [], edits: [edit] });
  }

  /** The few facts that checkers ask for after every event. */
  #now(): Facts {
    const keys = this.store.read(SCOPE_PATH);
    if (this.#facts?.keys === keys) return this.#facts;
    const value = (key: string): string | null =>
      keys.find((entry) => entry.key === key)?.value ?? null;
    const { leader, standbys } = decodeSync(value("sync"), null);
    this.#facts = {
      keys,
      leader: value("leader"),
      sync: leader === null ? null : { leader, standbys },
      failsafe: namesIn(decodeFailsafe(value("failsafe"))),
      isBootstrapping: value("initialize") === BOOTSTRAPPING_VALUE,
    };
    return this.#facts;
  }
}

/** Of whatever server runs then: the simulated start times never change. */
function scheduledRestart(schedule: string): ScheduledRestart {
  return {
    schedule,
    filters: {
      role: null,
      postgresVersion: null,
      isPendingOnly: false,
      timeoutMs: 30_000,
    },
    postmasterStartTime: primary().postmasterStartTime,
  };
}

function namesIn(
  map: Readonly<Record<string, string>> | null,
): readonly string[] | null {
  return map === null ? null : Object.keys(map);
}
