/** One incarnation of the real agent, from start-up to its end or its death. */
import {
  type Agent,
  type AgentConfig,
  createAgent,
} from "../../../lib/agent/agent.ts";
import type { FailsafePing } from "../../../lib/core/model/failsafe.ts";
import { NO_TAGS } from "../../../lib/core/model/member.ts";
import type {
  OperatorRequest,
  ScheduledRestart,
} from "../../../lib/core/model/request.ts";
import type { FailsafeConsent } from "../../../lib/ports/agent_api.ts";
import { member } from "../../helpers/builders.ts";
import { MemoryDcs } from "../dcs_memory.ts";
import { documentOf } from "../world/plan.ts";
import { type Site, STORE, type World } from "../world/world.ts";
import { Bridge } from "./bridge.ts";
import { type Makers, makersOf } from "./bugs.ts";
import { type AgentDriver, SCOPE_PATH } from "./driver.ts";
import { MemoryWatchdog } from "./memory_watchdog.ts";
import { MemoryPulse } from "./memory_pulse.ts";
import { MemoryPeers, NO_CALLBACKS, traceLog } from "./ports.ts";

/** A living agent. */
export class SimAgent {
  readonly #driver: AgentDriver;
  readonly #site: Site;
  readonly #dcs: MemoryDcs;
  readonly #agent: Agent;
  readonly #ending = new AbortController();
  readonly #bridge: Bridge;

  constructor(driver: AgentDriver, site: Site) {
    const { world } = driver;
    this.#driver = driver;
    this.#site = site;
    this.#bridge = new Bridge(site.host);
    const bridge = this.#bridge;
    const makers: Makers = makersOf(driver.bug);
    this.#dcs = new MemoryDcs(driver.store, SCOPE_PATH, {
      observerNow: () => makers.observerNow?.(bridge.now()) ?? bridge.now(),
    });
    const device = driver.watchdogs.get(site.name);
    const dcs = new makers.dcs(world, this.#dcs, bridge);
    const postgres = new makers.postgres(world, site, {
      bridge,
      files: driver.files,
      records: driver.records,
    });
    const pulse = new MemoryPulse(world, bridge, driver.pulses);
    const ports = {
      clock: bridge,
      dcs,
      postgres,
      peers: new MemoryPeers(
        world,
        bridge,
        (name, ping) => driver.acceptFailsafe(name, ping),
      ),
      log: countingLog(world, site.name),
      callbacks: NO_CALLBACKS,
      proxy: null,
      watchdog: device === undefined ? null : new MemoryWatchdog(device),
      vip: null,
      serviceWatch: { patienceMs: null, alive: () => {} },
      consents: new makers.consents(driver.consents, site.name),
      random: world.rng("choices"),
      pledge: postgres.pledge,
      pulse: { speaker: pulse, listener: pulse },
      fencing: new makers.fencing(driver, bridge),
    };
    this.#agent = createAgent(ports, configOf(world, site.name));
    makers.plant?.(this.#agent, dcs);
    site.host.readDeadline = () => this.#agent.right.deadline;
    this.linkChanged();
  }

  /** Runs until it ends by itself or dies. */
  start(): void {
    void this.#run();
  }

  /** SIGTERM. */
  stop(): void {
    this.#bridge.enter(() => this.#ending.abort());
  }

  /** The process is gone: nothing of it is heard again. */
  abandon(): void {
    void this.#dcs.close();
  }

  linkChanged(): void {
    const isOpen = this.#driver.world.isLinkOpen(this.#site.name, STORE);
    if (isOpen) this.#dcs.heal();
    else this.#dcs.cutOff();
  }

  /** The answer to POST /failsafe. */
  acceptFailsafe(ping: FailsafePing): Promise<FailsafeConsent> {
    return this.#agent.listener.accept(ping);
  }

  /** What an operator wants of this member. */
  ask(request: OperatorRequest): void {
    this.#bridge.enter(() => {
      this.#driver.world.note("ops", `${request.kind} ${this.#site.name}`);
      void this.#agent.inbox.ask(request);
    });
  }

  scheduleRestart(restart: ScheduledRestart): void {
    const { inForce, memory, inbox } = this.#agent;
    if (inForce.settings.isPaused) return;
    this.#bridge.enter(() => {
      memory.remember({ kind: "restart_scheduled", restart });
      inbox.wake();
    });
  }

  async #run(): Promise<void> {
    const agent = this.#agent;
    const { signal } = this.#ending;
    void agent.runWakers(signal);
    await agent.startup.run(signal);
    const end = await agent.loop(() => Promise.resolve()).run(signal);
    this.#ending.abort();
    const isLeft = end.kind === "exit" && end.decision.isPostgresLeft;
    await agent.shutdown.run(isLeft);
    this.#driver.agentExited(this.#site.name);
  }
}

/** Rules are counted where the loop names them: in its log. */
function countingLog(
  world: World,
  name: string,
): ReturnType<typeof traceLog> {
  const log = traceLog(world, name);
  const count = (facts?: Readonly<Record<string, unknown>>): void => {
    const rule = facts?.["rule"];
    if (typeof rule === "string") world.hit(rule);
    const { decision } = facts ?? {};
    if (decision === "take_lease") world.hit("take_lease");
    if (decision === "take_fenced_lease") world.hit("take_fenced_lease");
  };
  return {
    ...log,
    debug: (_message, facts) => count(facts),
    info: (message, facts) => {
      count(facts);
      log.info(message, facts);
    },
  };
}

function configOf(world: World, name: string): AgentConfig {
  const known = member(name);
  return {
    scope: "sim",
    self: name,
    tags: world.plan.tags.get(name) ?? NO_TAGS,
    canBootstrap: true,
    bootstrapDocument: documentOf(world.plan.settings),
    localPostgresql: {
      use_pg_rewind: world.plan.settings.isRewindAllowed,
    },
    identity: {
      connUrl: known.connUrl ?? "",
      apiUrl: known.apiUrl ?? "",
      version: "4.1.4",
      proxyUrl: null,
      doors: null,
    },
    vips: [],
    fencing: world.plan.isFencing
      ? { timeoutMs: 10_000, attemptsMax: 3, hourlyMax: 20 }
      : null,
    watchdog: {
      mode: world.plan.faults.has("watchdog") ? "required" : "off",
      safetyMarginS: 5,
    },
  };
}
