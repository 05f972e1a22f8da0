/**
 * Prometheus text: Patroni's metrics by their names and in their order, then our
 * own. Dashboards and alert rules out there stand on the names.
 *
 * Source: docs/contract/rest-api.md 5.1, 6; Prometheus manual, "Exposition formats".
 */
import type { MemberState } from "../../core/model/member.ts";
import type { AgentIdentity } from "../../ports/agent_api.ts";
import type { MetricSample } from "../../ports/metrics.ts";
import { type MemberFacts, timelineOf } from "./member_facts.ts";
import { epochText } from "../../patroni/python_time.ts";

interface PatroniMetric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly value: string;
  /** A comment line between HELP and TYPE. */
  readonly comment?: string;
}

/** PostgreSQL 9.6, from which on replication states are known. */
const REPLICATION_STATE_VERSION_MIN = 90600;

const STATES: readonly (readonly [MemberState, string])[] = [
  ["initializing new cluster", "initdb"],
  ["initdb failed", "initdb_failed"],
  ["running custom bootstrap script", "custom_bootstrap"],
  ["custom bootstrap failed", "custom_bootstrap_failed"],
  ["creating replica", "creating_replica"],
  ["running", "running"],
  ["starting", "starting"],
  ["starting after custom bootstrap", "bootstrap_starting"],
  ["start failed", "start_failed"],
  ["restarting", "restarting"],
  ["restart failed", "restart_failed"],
  ["stopping", "stopping"],
  ["stopped", "stopped"],
  ["stop failed", "stop_failed"],
  ["crashed", "crashed"],
];

/** What the metrics need beside the member's facts. */
export interface MetricsInputs {
  /** Our own. */
  readonly samples: readonly MetricSample[];
  /** As last known; null: there was none. */
  readonly failsafeMap: Readonly<Record<string, string>> | null;
}

/** The whole text of `/metrics`. */
export function metricsDocument(
  identity: AgentIdentity,
  facts: MemberFacts,
  { samples, failsafeMap }: MetricsInputs,
): string {
  const labels = labelsText({ scope: identity.scope, name: identity.name });
  const isListed = Object.hasOwn(failsafeMap ?? {}, identity.name);
  const lines = [
    ...patroniMetrics(identity, facts),
    ...laterMetrics(facts, isListed),
  ].flatMap((metric) => [
    `# HELP ${metric.name} ${metric.help}`,
    ...(metric.comment === undefined ? [] : [`# ${metric.comment}`]),
    `# TYPE ${metric.name} ${metric.type}`,
    `${metric.name}${labels} ${metric.value}`,
  ]);
  return [...lines, ...ownLines(identity, samples)].join("\n") + "\n";
}

function patroniMetrics(
  identity: AgentIdentity,
  facts: MemberFacts,
): readonly PatroniMetric[] {
  return [
    gauge("version", "Patroni-compatible version", versionText(identity)),
    gauge("postgres_running", "1 if PostgreSQL runs", bit(isRunning(facts))),
    gauge(
      "postmaster_start_time",
      "Epoch seconds of the start of PostgreSQL",
      epochText(facts.running?.postmasterStartTime ?? null),
    ),
    ...positionMetrics(facts),
    ...replicationMetrics(facts),
    ...clusterMetrics(facts),
    {
      ...gauge("postgres_state", "State of PostgreSQL", stateNumber(facts)),
      comment: "Values: " +
        STATES.map(([, label], index) => `${index}=${label}`).join(", "),
    },
  ];
}

/** Patroni's since 4.1; last, so that the others keep their places. */
function laterMetrics(
  { status }: MemberFacts,
  // A fact, not a switch of behaviour.
  isListed: MemberFacts["isUnlocked"],
): readonly PatroniMetric[] {
  const { isNofailover, failoverPriority } = status.tags;
  return [
    gauge(
      "failsafe_mode_enabled",
      "1 if failsafe_mode is configured",
      bit(status.settings.isFailsafeMode),
    ),
    gauge(
      "failsafe_member",
      "1 if the failsafe map lists this member",
      bit(isListed),
    ),
    gauge(
      "failover_priority",
      "failover_priority, 0 if this member never leads",
      String(isNofailover ? 0 : failoverPriority),
    ),
  ];
}

function positionMetrics(facts: MemberFacts): readonly PatroniMetric[] {
  const { running, replica, role } = facts;
  const flushed = running?.role === "primary" ? running.flushedLsn : 0n;
  const replayed = replica?.replayedLsn ?? 0n;
  const received = replica?.receivedLsn ?? replayed;
  return [
    gauge("primary", "1 if this is the primary", bit(role === "primary")),
    counter("xlog_location", "Flushed WAL position, bytes", String(flushed)),
    gauge(
      "standby_leader",
      "1 if this is the standby leader",
      bit(role === "standby_leader"),
    ),
    gauge("replica", "1 if this is a replica", bit(role === "replica")),
    gauge(
      "sync_standby",
      "1 if this is a synchronous standby",
      bit(facts.syncState === "sync"),
    ),
    gauge(
      "quorum_standby",
      "1 if this is a quorum standby",
      bit(facts.syncState === "quorum"),
    ),
    counter(
      "xlog_received_location",
      "Received WAL position, bytes",
      String(received),
    ),
    counter(
      "xlog_replayed_location",
      "Replayed WAL position, bytes",
      String(replayed),
    ),
    gauge(
      "xlog_replayed_timestamp",
      "Epoch seconds of the last replayed transaction",
      epochText(replica?.replayedTimestamp ?? null),
    ),
    gauge(
      "xlog_paused",
      "1 if WAL replay is paused",
      bit(replica?.isReplayPaused ?? false),
    ),
  ];
}

function replicationMetrics(facts: MemberFacts): readonly PatroniMetric[] {
  const version = facts.running?.serverVersion ?? 0;
  const state = facts.replicationState;
  const states = version < REPLICATION_STATE_VERSION_MIN ? [] : [
    gauge(
      "postgres_streaming",
      "1 if this replica streams",
      bit(state === "streaming"),
    ),
    gauge(
      "postgres_in_archive_recovery",
      "1 if this replica recovers from the archive",
      bit(state === "in archive recovery"),
    ),
  ];
  return [
    ...states,
    gauge("postgres_server_version", "PostgreSQL's version", String(version)),
  ];
}

function clusterMetrics(facts: MemberFacts): readonly PatroniMetric[] {
  const { status } = facts;
  const pending = Object.keys(facts.running?.pendingRestart ?? {});
  return [
    gauge("cluster_unlocked", "1 without a leader", bit(facts.isUnlocked)),
    gauge(
      "failsafe_mode_is_active",
      "1 while failsafe mode keeps the leader",
      bit(status.isFailsafeActive),
    ),
    gauge(
      "postgres_timeline",
      "Timeline, 0 if unknown",
      String(timelineOf(facts) ?? 0),
    ),
    gauge(
      "dcs_last_seen",
      "Epoch seconds of the last good read of the DCS",
      String(Math.floor(status.dcsLastSeen)),
    ),
    gauge(
      "pending_restart",
      "1 if parameters wait for a restart",
      bit(pending.length > 0),
    ),
    gauge(
      "is_paused",
      "1 if automatic changes are off",
      bit(status.settings.isPaused),
    ),
  ];
}

/** One HELP and TYPE per name, also if it has several samples. */
function ownLines(
  identity: AgentIdentity,
  samples: readonly MetricSample[],
): readonly string[] {
  const byName = Map.groupBy(samples, (sample) => sample.name);
  return [...byName].flatMap(([name, group]) => [
    `# HELP ${name} ${group[0]?.help ?? ""}`,
    `# TYPE ${name} ${group[0]?.type ?? "gauge"}`,
    ...group.map((sample) => {
      const { scope, name: member } = identity;
      const labels = labelsText({ scope, name: member, ...sample.labels });
      return `${name}${labels} ${sample.value}`;
    }),
  ]);
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels)
    .map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  return `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}

function gauge(name: string, help: string, value: string): PatroniMetric {
  return { name: `patroni_${name}`, help, type: "gauge", value };
}

function counter(name: string, help: string, value: string): PatroniMetric {
  return { name: `patroni_${name}`, help, type: "counter", value };
}

function bit(isSet: boolean): string {
  return isSet ? "1" : "0";
}

function isRunning({ state }: MemberFacts): boolean {
  return state === "running";
}

/** -1 for `unknown`: the instance should answer and does not. */
function stateNumber({ state }: MemberFacts): string {
  return String(STATES.findIndex(([text]) => text === state));
}

/** `4.1.4` as `040104`. */
function versionText({ version }: AgentIdentity): string {
  return version.split(".").map((part) => part.padStart(2, "0")).join("");
}
