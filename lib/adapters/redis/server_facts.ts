/**
 * Which Redis may keep a scope. One server that writes each change to its disk
 * before it answers is as good as its disk. With replicas a failover can lose what
 * was confirmed; that has to be accepted by name.
 */

/** What was asked of a server when a session began. */
export interface ServerFacts {
  readonly isMaster: boolean;
  readonly isCluster: boolean;
  readonly hasAppendonly: boolean;
  readonly fsync: string;
  readonly eviction: string;
  readonly replicas: number;
  readonly minReplicas: number;
  readonly minReplicasMaxLagS: number;
}

/**
 * @param info The sections server, replication, persistence and cluster of INFO.
 * @param config Names and values in turn, as CONFIG GET gives them.
 */
export function factsOf(
  info: string,
  config: readonly unknown[],
): ServerFacts {
  const infos = new Map(
    info.split(/\r?\n/).map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, Math.max(0, colon)), line.slice(colon + 1)];
    }),
  );
  const settings = new Map<string, string>();
  for (let at = 0; at + 1 < config.length; at += 2) {
    settings.set(String(config[at]), String(config[at + 1]));
  }
  const number = (text: string | undefined) => Number(text ?? 0) || 0;
  return {
    isMaster: infos.get("role") === "master",
    isCluster: infos.get("cluster_enabled") === "1",
    hasAppendonly: settings.get("appendonly") === "yes",
    fsync: settings.get("appendfsync") ?? "",
    eviction: settings.get("maxmemory-policy") ?? "",
    replicas: number(infos.get("connected_slaves")),
    minReplicas: number(settings.get("min-replicas-to-write")),
    minReplicasMaxLagS: number(settings.get("min-replicas-max-lag")),
  };
}

/** How far a replica may be behind that still counts, in seconds; Redis's default. */
const MAX_LAG_S = 10;

/** How it is used. */
export interface Usage {
  readonly isLossAccepted: boolean;
  /** A Sentinel has named it. */
  readonly isWatched: boolean;
}

/** Why no scope can be kept there; null: it will do. */
export function problemOf(
  facts: ServerFacts,
  { isLossAccepted, isWatched }: Usage,
): string | null {
  if (facts.isCluster) {
    return "is part of a Redis Cluster, which is not supported";
  }
  if (!facts.hasAppendonly || facts.fsync !== "always") {
    return "must have appendonly yes and appendfsync always, or a crash " +
      `makes it forget who leads (appendfsync is ${shown(facts.fsync)})`;
  }
  if (facts.eviction !== "noeviction") {
    return "must have maxmemory-policy noeviction, or it may throw the scope " +
      `away (it has ${shown(facts.eviction)})`;
  }
  if (!isReplicated(facts, isWatched)) return null;
  if (!isLossAccepted) return REPLICATED;
  const { minReplicas, minReplicasMaxLagS } = facts;
  if (minReplicas < 1 || minReplicasMaxLagS < 1) {
    return "has replicas and must have min-replicas-to-write 1 or more, so " +
      "that a master without any stops";
  }
  return minReplicasMaxLagS > MAX_LAG_S
    ? `must have min-replicas-max-lag ${MAX_LAG_S} or less (it is ` +
      `${minReplicasMaxLagS})`
    : null;
}

/** Whether a failover may lose what was confirmed. */
export function isReplicated(facts: ServerFacts, isWatched: boolean): boolean {
  return isWatched || facts.replicas > 0 || facts.minReplicas > 0;
}

/** With the server a majority; null: there are no replicas to wait for. */
export function acksWanted(
  facts: ServerFacts,
  isWatched: boolean,
): number | null {
  if (!isReplicated(facts, isWatched)) return null;
  const known = Math.max(facts.replicas, facts.minReplicas, 1);
  return Math.max(1, Math.floor((known + 1) / 2));
}

/** Of a server with replicas, where that is not accepted. */
const REPLICATED =
  "has replicas: its failover can lose what it has confirmed, and with it who " +
  "leads. Use a single server, or set accept_data_loss: true";

function shown(text: string): string {
  return /^[a-z-]{1,40}$/.test(text) ? text : "unknown";
}
