/**
 * Gathers the first observation of a cycle: the store's view, one look at the
 * instance, and what the agent remembers. Failures become data here.
 */
import {
  decodeSettings,
  settingsProblems,
} from "../core/codec/settings_codec.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { LeaseView } from "../core/model/lease_view.ts";
import type { DcsView, Observation } from "../core/model/observation.ts";
import {
  ownPosition,
  type PostgresView,
  type StandbyChange,
} from "../core/model/postgres_view.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import { type AgentContext, usualUpstream } from "./context.ts";
import { completed } from "./failsafe.ts";
import type { LeadRight } from "./lead_right.ts";
import { withRetries } from "./limits.ts";

/** The observation that a cycle begins with. */
export async function observe(context: AgentContext): Promise<Observation> {
  // A task that ends while the instance is looked at makes the look an old one,
  // so for this cycle it still runs; its end begins the next cycle at once.
  const task = context.tasks.view;
  const [dcs, postgres] = await Promise.all([
    observeDcs(context),
    context.ports.postgres.observe(),
  ]);
  notePostgres(context, postgres);
  noteWal(context, dcs, postgres);
  const standbyChange = await observeStandby(context, postgres);
  return assemble(context, { dcs, postgres, standbyChange, task });
}

/** Whether a replica lacks something; without a leader nobody says what it should have. */
async function observeStandby(
  context: AgentContext,
  view: PostgresView,
): Promise<StandbyChange> {
  const { state, tasks, ports } = context;
  const isJudged = view.kind === "running" && view.role === "replica" &&
    tasks.view.kind === "idle" && state.view?.leader != null;
  if (!isJudged) return "nothing";
  try {
    return await ports.postgres.upstream.change(usualUpstream(context));
  } catch (error) {
    // The upstream's address is not known yet, or a file cannot be read.
    ports.log.debug(`Cannot compare the standby's settings: ${String(error)}`);
    return "nothing";
  }
}

/** The facts of now around a view and a look at the instance. */
export function assemble(
  context: AgentContext,
  looks: Pick<Observation, "dcs" | "postgres" | "standbyChange" | "task">,
): Observation {
  const { state, config, ports, right } = context;
  return {
    now: ports.clock.now(),
    wallTimeMs: ports.clock.wallTimeMs(),
    chance: ports.random.next(),
    self: config.self,
    tags: config.tags,
    canBootstrap: config.canBootstrap,
    settings: state.settings,
    dcs: looks.dcs,
    postgres: looks.postgres,
    standbyChange: looks.standbyChange,
    lease: leaseNow(right),
    peers: { kind: "not_asked" },
    upstream: { kind: "not_asked" },
    task: looks.task,
    request: context.inbox.request,
    memory: state.memory,
  };
}

/** The lease as its keeper has it; what happened in this cycle is not in it. */
export function leaseNow(
  { deadline, source }: Pick<LeadRight, "deadline" | "source">,
): LeaseView {
  return deadline === null ? { kind: "none" } : {
    kind: "held",
    deadline,
    source,
    isFresh: false,
    cover: "not_asked",
  };
}

/** Reads the store; "unreachable" is an answer too. */
export async function observeDcs(context: AgentContext): Promise<DcsView> {
  const { reader, ports, state } = context;
  try {
    const view = await withRetries(context, (limits) => reader.view(limits));
    return { kind: "reachable", view: await noteView(context, view) };
  } catch (error) {
    if (!(error instanceof DcsUnreachableError)) throw error;
    state.view = null;
    return unreachable(context, ports.clock.now(), error);
  }
}

/** The store as a failed call shows it. */
export function unreachable(
  context: AgentContext,
  since: Observation["now"],
  error: Error,
): DcsView {
  context.ports.log.warning(
    `Error communicating with DCS: ${error.message}`,
  );
  return { kind: "unreachable", since, detail: error.message };
}

/**
 * Keeps a fresh view, and takes over the dynamic configuration if it changed.
 *
 * @param seen What the store shows.
 * @returns The view to go on with: in failsafe mode a leader may be added.
 */
export async function noteView(
  context: AgentContext,
  seen: ClusterView,
): Promise<ClusterView> {
  const { state, ports } = context;
  const view = completed(context, seen);
  state.view = view;
  state.lastView = view;
  state.viewedAt = ports.clock.now();
  state.viewedAtWallMs = ports.clock.wallTimeMs();
  state.remember({ kind: "viewed", view });
  const { config } = view;
  if (config === null || config.revision === state.configRevision) return view;
  state.configRevision = config.revision;
  if (config.document !== null && !isEmpty(config.document)) {
    await takeOver(context, config.document);
  }
  return view;
}

/** Makes a dynamic document the one in force. A document that fails is logged and not tried again. */
export async function takeOver(
  context: AgentContext,
  document: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { state, ports, config } = context;
  for (const problem of settingsProblems(document, config.timingFloors)) {
    ports.log.warning(problem);
  }
  state.document = document;
  state.settings = decodeSettings(document, {
    previous: state.settings,
    localPostgresql: config.localPostgresql,
    floors: config.timingFloors,
  });
  try {
    const change = await ports.postgres.settings.configure({ document });
    if (change === "reloaded") context.events.reloaded();
    if (state.memory.role !== "uninitialized") {
      await ports.postgres.settings.saveDynamicConfig(document);
    }
  } catch (error) {
    ports.log.error(
      `Exception when setting dynamic_configuration: ${String(error)}`,
    );
  }
}

/** Tells the memory that the instance answered. */
export function notePostgres(context: AgentContext, view: PostgresView): void {
  if (view.kind !== "running") return;
  const role = view.role === "primary" ? "primary" : standbyRole(context);
  context.state.remember({ kind: "answered", role });
}

/** Tells the memory how far a replica is: without a leader it should stand still. */
function noteWal(
  { state, ports }: AgentContext,
  dcs: DcsView,
  postgres: PostgresView,
): void {
  if (dcs.kind !== "reachable") return;
  const replica = postgres.kind === "running" && postgres.role === "replica"
    ? postgres
    : null;
  state.remember({
    kind: "wal_seen",
    at: ports.clock.now(),
    lsn: replica === null ? null : ownPosition(replica),
    isStreaming: replica?.isStreaming ?? false,
    hasLeader: dcs.view.leader !== null,
  });
}

function isEmpty(document: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(document).length === 0;
}

/** What a running standby is here: one that holds the key leads a standby cluster. */
export function standbyRole(
  { state: { view, settings }, config }: AgentContext,
): "standby_leader" | "replica" {
  const isLeader = view?.leader?.name === config.self;
  return settings.isStandbyCluster && isLeader ? "standby_leader" : "replica";
}
