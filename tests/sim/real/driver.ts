/**
 * Brings real agents (`lib/agent`, as the composition root connects them) into
 * a world, on memory ports and the memory store.
 */
import { setImmediate } from "node:timers";
import { BOOTSTRAPPING_VALUE } from "../../../lib/core/codec/initialize_codec.ts";
import { encodeJson } from "../../../lib/core/codec/json.ts";
import { decodeClusterView } from "../../../lib/core/codec/cluster_view_codec.ts";
import type {
  FailsafePing,
  LastConsent,
} from "../../../lib/core/model/failsafe.ts";
import type { FailsafeConsent } from "../../../lib/ports/agent_api.ts";
import type { DcsSnapshot } from "../../../lib/ports/dcs.ts";
import { MemoryStore } from "../dcs_memory_store.ts";
import { documentOf } from "../world/plan.ts";
import type { Driver, SyncFacts, World } from "../world/world.ts";
import { scheduledRestart } from "../fast/driver.ts";
import { RealAgent } from "./agent.ts";
import { Touches, WorldClock } from "./bridge.ts";

/** systemd's RestartSec, so to say. */
const RESTART_MS = 3_000;

/** The keys of the simulated scope. */
export const SCOPE_PATH = "/service/sim/";

interface Facts {
  readonly snapshot: DcsSnapshot;
  readonly leader: string | null;
  readonly sync: SyncFacts | null;
  readonly isBootstrapping: boolean;
}

/** The real mode. */
export class RealDriver implements Driver {
  readonly world: World;
  readonly touches = new Touches();
  readonly store: MemoryStore;
  /** What lies in the data directories beside the data. */
  readonly files = new Map<string, Readonly<Record<string, unknown>>>();
  /** What members wrote down of their consents; outlives their agents. */
  readonly consents = new Map<string, LastConsent>();
  readonly #agents = new Map<string, RealAgent>();
  #facts: Facts | null = null;

  constructor(world: World) {
    this.world = world;
    this.store = new MemoryStore(new WorldClock(world.timeline, this.touches));
    if (!world.plan.isFresh) {
      this.#put("config", encodeJson(documentOf(world.plan.settings)));
    }
  }

  /** Waits until nothing can happen any more without time passing. */
  async settle(): Promise<void> {
    while (this.touches.take()) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  leader(): string | null {
    return this.#now().leader;
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
    this.touches.add();
    const agent = new RealAgent(this, site);
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
    this.touches.add();
    this.#agents.get(name)?.stop();
  }

  /** An agent ended by itself; its service manager starts it again. */
  agentExited(name: string): void {
    this.world.note(name, "agent ends");
    this.killAgent(name);
    this.world.timeline.after(RESTART_MS, () => this.startAgent(name));
  }

  linksChanged(name: string): void {
    this.touches.add();
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
    this.touches.add();
    this.#put("failover", encodeJson(request));
  }

  restart(name: string): void {
    this.touches.add();
    this.#agents.get(name)?.ask({ kind: "restart", timeoutMs: 30_000 });
  }

  scheduleRestart(name: string, inMs: number): void {
    this.touches.add();
    const restart = scheduledRestart(this.world.timeIn(inMs));
    this.#agents.get(name)?.scheduleRestart(restart);
  }

  reinitialize(name: string): void {
    const leader = this.leader();
    if (leader === null || leader === name) return;
    this.touches.add();
    const request = {
      kind: "reinitialize",
      isForcedFromLeader: false,
    } as const;
    this.#agents.get(name)?.ask(request);
  }

  /** The real guards look at a real device; these agents have none. */
  breakWatchdog(_name: string, _ms: number): void {}

  pauseChanged(): void {
    this.touches.add();
    this.#put("config", encodeJson(documentOf(this.world.settings)));
  }

  /** What the agent of that member answers to a leader without store. */
  async acceptFailsafe(
    name: string,
    ping: FailsafePing,
  ): Promise<FailsafeConsent | null> {
    this.touches.add();
    return await this.#agents.get(name)?.acceptFailsafe(ping) ?? null;
  }

  /** Ends everything that still waits. */
  close(): void {
    for (const agent of this.#agents.values()) agent.abandon();
    this.store.close();
  }

  #put(key: string, value: string): void {
    this.store.write(SCOPE_PATH, {
      kind: "put",
      key,
      value,
      leaseId: null,
      guard: { kind: "none" },
    });
  }

  /** The few facts that checkers ask for after every event. */
  #now(): Facts {
    const snapshot = this.store.read(SCOPE_PATH);
    if (this.#facts?.snapshot === snapshot) return this.#facts;
    const view = decodeClusterView(snapshot);
    const { leader, standbys } = view.sync;
    const initialize = snapshot.entries.find((e) => e.key === "initialize");
    this.#facts = {
      snapshot,
      leader: view.leader?.name ?? null,
      sync: leader === null ? null : { leader, standbys },
      isBootstrapping: initialize?.value === BOOTSTRAPPING_VALUE,
    };
    return this.#facts;
  }
}
