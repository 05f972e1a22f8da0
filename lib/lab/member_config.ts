/**
 * The configuration files of a lab, in Patroni's format plus this project's
 * sections (of its own stores, `proxy`). Also read by Patroni itself in the benchmark,
 * so both sides run with the same PostgreSQL settings.
 */
import { stringify } from "yaml";
import {
  type LabPlan,
  type MemberPlan,
  type ProxyPorts,
  REST_USER,
} from "./plan.ts";
import type { Section } from "./stores/store.ts";

function proxySection(ports: ProxyPorts): Section {
  return {
    listen: "127.0.0.1",
    primary_port: ports.primary,
    replica_port: ports.replica,
    stats_port: ports.stats,
  };
}

/** What becomes the dynamic configuration of the scope. */
function bootstrapDcs(plan: LabPlan): Section {
  return {
    ttl: plan.timing.ttl,
    loop_wait: plan.timing.loopWait,
    retry_timeout: plan.timing.retryTimeout,
    maximum_lag_on_failover: 1_048_576,
    synchronous_mode: plan.isSynchronous,
    takeover: plan.isSynchronous,
    ...plan.dynamic,
    postgresql: {
      use_pg_rewind: true,
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
      parameters: { max_connections: 50, shared_buffers: "32MB" },
    },
  };
}

function postgresqlSection(plan: LabPlan, member: MemberPlan): Section {
  const { password } = plan;
  const address = `127.0.0.1:${member.postgresPort}`;
  return {
    listen: address,
    connect_address: address,
    data_dir: member.dataDir,
    bin_dir: plan.binDir,
    pgpass: `${member.directory}/pgpass`,
    authentication: {
      superuser: { username: "postgres", password },
      replication: { username: "replicator", password },
    },
    parameters: {
      unix_socket_directories: member.directory,
      logging_collector: "off",
    },
    pg_hba: [
      // The socket lies in a folder that only the lab's user can enter.
      "local all all trust",
      "host all all 127.0.0.1/32 scram-sha-256",
      "host replication replicator 127.0.0.1/32 scram-sha-256",
    ],
  };
}

/** The member's configuration file; contains the password. */
export function memberYaml(plan: LabPlan, member: MemberPlan): string {
  const api = `127.0.0.1:${member.restPort}`;
  return stringify({
    scope: plan.scope,
    name: member.name,
    restapi: {
      listen: api,
      connect_address: api,
      authentication: { username: REST_USER, password: plan.password },
    },
    ...plan.store.section,
    bootstrap: {
      dcs: bootstrapDcs(plan),
      initdb: [{ encoding: "UTF8" }, { locale: "C" }, "data-checksums"],
    },
    postgresql: postgresqlSection(plan, member),
    proxy: proxySection(member.proxy),
  });
}

/** The stand-alone proxy's configuration file. */
export function proxyYaml(plan: LabPlan): string {
  return stringify({
    scope: plan.scope,
    name: "proxy",
    ...plan.store.section,
    proxy: proxySection(plan.proxy),
  });
}
