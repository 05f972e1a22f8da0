/**
 * Brings fast agents and the store model into a world, and plants bugs on
 * request: at the side of the product, never inside of it.
 */
import { decide, type Ruling } from "../../../lib/core/decide.ts";
import type { Observation } from "../../../lib/core/model/observation.ts";
import type {
  OperatorRequest,
  ScheduledRestart,
} from "../../../lib/core/model/request.ts";
import { primary } from "../../helpers/builders.ts";
import type { Driver, SyncFacts, World } from "../world/world.ts";
import { FastAgent } from "./agent.ts";
import type { PlantedBug } from "./lease_model.ts";
import { run } from "./process.ts";
import { StoreModel } from "./store_model.ts";

/** systemd's RestartSec, so to say. */
const RESTART_MS = 3_000;

/** The fast mode. */
export class FastDriver implements Driver {
  readonly world: World;
  readonly store: StoreModel;
  readonly bug: PlantedBug;
  readonly #agents = new Map<string, FastAgent>();

  constructor(world: World, bug: PlantedBug = "none") {
    this.world = world;
    this.bug = bug;
    this.store = new StoreModel(
      world.timeline,
      world.plan.isFresh ? "empty" : "with_config",
      (key) => this.#tell(key),
    );
  }

  leader(): string | null {
    return this.store.leader?.name ?? null;
  }

  syncKey(): SyncFacts | null {
    const { leader, standbys } = this.store.sync;
    return leader === null ? null : { leader, standbys };
  }

  isBootstrapping(): boolean {
    return this.store.view().initialize.kind === "bootstrapping";
  }

  /** The real rules, or what a planted bug makes of them. */
  decide(o: Observation): Ruling {
    const ruling = decide(o);
    const isRefused = ruling.decision.kind === "wait" &&
      ruling.decision.reason === "lease_too_short";
    if (this.bug !== "promotion_without_budget" || !isRefused) return ruling;
    const decision = {
      kind: "start_task",
      task: { kind: "promote" },
      reason: "lease_held",
      facts: {},
    } as const;
    return { ...ruling, decision };
  }

  startAgent(name: string): void {
    const site = this.world.site(name);
    if (site === null || site.host.isAgentUp) return;
    site.host.startAgent();
    const agent = new FastAgent(this, site);
    this.#agents.set(name, agent);
    this.world.note(name, "agent starts");
    site.host.after(this.world.rng("agents").int(1, 500), () => agent.start());
  }

  killAgent(name: string): void {
    this.#agents.delete(name);
    this.world.site(name)?.host.killAgent();
  }

  stopAgent(name: string): void {
    const agent = this.#agents.get(name);
    const site = this.world.site(name);
    if (agent === undefined || site === null || agent.isShuttingDown) return;
    agent.isShuttingDown = true;
    run(site.host, agent.shutDown(), () => this.agentExited(name));
  }

  /** An agent ended by itself; its service manager starts it again. */
  agentExited(name: string): void {
    this.world.note(name, "agent ends");
    this.killAgent(name);
    this.world.timeline.after(RESTART_MS, () => this.startAgent(name));
  }

  linksChanged(_name: string): void {}

  switchOver(candidate: string | null, inMs?: number): void {
    const leader = this.leader();
    if (leader === null || candidate === leader) return;
    this.world.note("ops", `switchover ${leader} -> ${candidate ?? "any"}`);
    const scheduledAt = inMs === undefined ? null : this.world.timeIn(inMs);
    this.store.putFailover({ leader, candidate, scheduledAt }, null);
  }

  restart(name: string): void {
    this.#request(name, { kind: "restart", timeoutMs: 30_000 });
  }

  scheduleRestart(name: string, inMs: number): void {
    const agent = this.#agents.get(name);
    if (agent === undefined || agent.settings.isPaused) return;
    this.world.note("ops", `restart of ${name} in ${inMs} ms`);
    const restart = scheduledRestart(this.world.timeIn(inMs));
    agent.remember({ kind: "restart_scheduled", restart });
  }

  reinitialize(name: string): void {
    const leader = this.leader();
    if (leader === null || leader === name) return;
    this.#request(name, { kind: "reinitialize", isForcedFromLeader: false });
  }

  breakWatchdog(name: string, ms: number): void {
    const agent = this.#agents.get(name);
    if (agent === undefined) return;
    this.world.note(name, `no watchdog for ${ms} ms`);
    agent.remember({ kind: "watchdog", hasFailed: true });
    agent.site.host.after(
      ms,
      () => agent.remember({ kind: "watchdog", hasFailed: false }),
    );
  }

  pauseChanged(): void {
    this.store.putPause(this.world.isPaused);
  }

  #request(name: string, request: OperatorRequest): void {
    const agent = this.#agents.get(name);
    if (agent === undefined || agent.request !== null) return;
    this.world.note("ops", `${request.kind} ${name}`);
    agent.request = request;
    agent.site.host.entrance(() => agent.wake());
  }

  /** A change of the store travels to those whose link is open. */
  #tell(key: string): void {
    if (!/^(leader|failover|config|members)/.test(key)) return;
    for (const [name, agent] of this.#agents) {
      if (!this.world.isLinkOpen(name, "store") || key.endsWith(name)) continue;
      const enter = agent.site.host.entrance;
      this.world.timeline.after(this.world.callDelayMs(), () =>
        enter(() => {
          if (concerns(agent, key)) agent.wake();
        }));
    }
  }
}

/** Of whatever server runs then: the model's start times never change. */
export function scheduledRestart(schedule: string): ScheduledRestart {
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

/** Same as in lib/agent/wakers.ts. */
function concerns(agent: FastAgent, key: string): boolean {
  const { view, memory, self } = agent;
  if (key === "leader" || key === "config") return true;
  if (key === "failover") return view?.leader?.name === self;
  const name = key.slice("members/".length);
  const isNew = !(view?.members.some((member) => member.name === name));
  const isLeaders = name === view?.leader?.name;
  return isNew || isLeaders && memory.divergence !== "unsuspected";
}
