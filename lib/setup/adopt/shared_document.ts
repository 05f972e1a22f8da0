/**
 * What the whole cluster takes from a server that becomes its first member: its
 * settings, so that no standby is smaller, and its rules of access, so that its
 * clients find them also after a failover.
 */
import type { ConfigMap } from "../../core/calc/documents/config_merge.ts";
import {
  recordLines,
  sharedParameters,
} from "../../config/generate/running.ts";
import type { AdoptedServer } from "./adopted_server.ts";
import { type ServerFacts, settingOf } from "./server_facts.ts";

/** Of this host alone, or set by the agents. */
const NOT_SHARED: ReadonlySet<string> = new Set([
  ...["external_pid_file", "stats_temp_directory", "krb_server_keyfile"],
  "synchronous_standby_names",
  // Without checksums pg_rewind needs it, and it is on unless told.
  "wal_log_hints",
]);
const NOT_SHARED_FAMILY = /^(?:ssl|unix_socket_)/;

/** A leader without it would keep all its WAL: who archives, does so on each member. */
const SHARED_TOO: ReadonlySet<string> = new Set([
  "archive_command",
  "archive_cleanup_command",
  "archive_library",
]);

/** The part of `bootstrap.dcs` that comes from a server. */
export interface SharedDocument {
  /** Of its section `postgresql`. */
  readonly postgresql: ConfigMap;
  /** Beside that section. */
  readonly others: ConfigMap;
}

/** The part that comes from this one. */
export function sharedDocument(
  facts: ServerFacts,
  roles: Pick<AdoptedServer, "superuser" | "replication">,
): SharedDocument {
  const ignored = facts.slots.map((name) => ({ name }));
  return {
    postgresql: {
      parameters: parametersOf(facts),
      pg_hba: [...agentLines(roles), ...recordLines(facts.hba)],
      pg_ident: recordLines(facts.ident),
    },
    others: ignored.length === 0 ? {} : { ignore_slots: ignored },
  };
}

function parametersOf({ settings }: ServerFacts): ConfigMap {
  const archiving = settings
    .filter(({ name, source, value }) =>
      SHARED_TOO.has(name) && source !== "default" && value !== ""
    )
    .map(({ name, value }) => [name, value]);
  const shared = Object.entries(sharedParameters(settings))
    .filter(([name]) => !NOT_SHARED.has(name) && !NOT_SHARED_FAMILY.test(name));
  return Object.fromEntries([...shared, ...archiving]);
}

/** They come first, and are of roles that nobody else has: for all others nothing changes. */
function agentLines(
  { superuser, replication }: Pick<AdoptedServer, "superuser" | "replication">,
): readonly string[] {
  return [
    `local all ${superuser.username} scram-sha-256`,
    `hostssl all ${superuser.username} all scram-sha-256`,
    `hostssl replication ${replication.username} all scram-sha-256`,
  ];
}

const ANY_V4 = ["*", "0.0.0.0"];

/** Where it listened, and where the other members reach it. */
export function listenText(
  facts: ServerFacts,
  address: string,
  port: number,
): string {
  const hosts = settingOf(facts, "listen_addresses").split(",")
    .map((host) => host.trim()).filter((host) => host !== "");
  const isV6 = address.includes(":");
  const any = isV6 ? ["*", "::"] : ANY_V4;
  const isThere = hosts.some((host) => host === address || any.includes(host));
  const all = isThere ? hosts : [...hosts, address];
  return `${all.map(inBrackets).join(",")}:${port}`;
}

function inBrackets(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
