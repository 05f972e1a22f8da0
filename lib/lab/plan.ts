/**
 * The drawing of a lab: which members, directories and ports it has. Decides
 * everything that can be decided before anything is started, so that a port in
 * use is one sentence and not a half-made lab.
 */
import type { PortUse } from "./ports.ts";
import type { LabStore, Section, StorePlan } from "./stores/store.ts";

/** May change something over the REST API of a member, with the plan's password. */
export const REST_USER = "lab";

/** The three ports of one proxy. */
export interface ProxyPorts {
  readonly primary: number;
  readonly replica: number;
  readonly stats: number;
}

/** One member: an agent, its PostgreSQL and its proxy. */
export interface MemberPlan {
  readonly name: string;
  /** Holds all files of this member; also its mark, see `processes.ts`. */
  readonly directory: string;
  readonly dataDir: string;
  readonly configPath: string;
  readonly logPath: string;
  readonly postgresPort: number;
  readonly restPort: number;
  readonly proxy: ProxyPorts;
}

/** `ttl`, `loop_wait` and `retry_timeout` in seconds. */
export interface Timing {
  readonly ttl: number;
  readonly loopWait: number;
  readonly retryTimeout: number;
}

/** A whole lab. */
export interface LabPlan {
  readonly directory: string;
  readonly scope: string;
  readonly members: readonly MemberPlan[];
  /** Where the members meet. */
  readonly store: StorePlan;
  /** The stand-alone proxy. */
  readonly proxy: ProxyPorts;
  readonly timing: Timing;
  readonly isSynchronous: boolean;
  /** Into the dynamic configuration, over what follows from the above. */
  readonly dynamic?: Section;
  /** Of the superuser and the replication user; made anew for each lab. */
  readonly password: string;
  /** Folder of `postgres`, `initdb` ... */
  readonly binDir: string;
}

/** What a lab is drawn from. */
export interface PlanOptions {
  /** Absolute path; short, because PostgreSQL's sockets live in it. */
  readonly directory: string;
  readonly members: number;
  readonly dcs: LabStore;
  readonly portBase: number;
  readonly timing: Timing;
  readonly isSynchronous: boolean;
  readonly password: string;
  readonly binDir: string;
}

/**
 * The lab's own timing: the shortest TTL that Patroni's rules allow, so that
 * the loss of a member is seen soon. loop_wait + 2 * retry_timeout <= ttl.
 *
 * Source: Patroni 4.1 manual, "Dynamic configuration settings".
 */
export const LAB_TIMING: Timing = { ttl: 20, loopWait: 5, retryTimeout: 5 };

/** Highest `--members`; the port numbers leave room for no more. */
export const MEMBERS_MAX = 9;

function proxyPorts(first: number): ProxyPorts {
  return { primary: first, replica: first + 1000, stats: first + 2000 };
}

function memberPlan(options: PlanOptions, number: number): MemberPlan {
  const name = `m${number}`;
  const directory = `${options.directory}/${name}`;
  return {
    name,
    directory,
    dataDir: `${directory}/data`,
    configPath: `${directory}/${name}.yml`,
    logPath: `${directory}/agent.log`,
    postgresPort: options.portBase + 440 + number,
    restPort: options.portBase + 3000 + 10 * number,
    proxy: proxyPorts(options.portBase + 10 * number),
  };
}

/** Draws a lab; nothing is created. */
export function planLab(options: PlanOptions): LabPlan {
  const numbers = Array.from({ length: options.members }, (_, i) => i + 1);
  return {
    directory: options.directory,
    scope: "lab",
    members: numbers.map((number) => memberPlan(options, number)),
    store: options.dcs.plan({
      ...options,
      firstPort: options.portBase + 4000,
    }),
    proxy: proxyPorts(options.portBase),
    timing: options.timing,
    isSynchronous: options.isSynchronous,
    password: options.password,
    binDir: options.binDir,
  };
}

function proxyUses(ports: ProxyPorts, whose: string): PortUse[] {
  return [
    { port: ports.primary, use: `${whose}, read-write` },
    { port: ports.replica, use: `${whose}, read-only` },
    { port: ports.stats, use: `${whose}, statistics` },
  ];
}

/** Every port that the lab will listen on. */
export function portUses(plan: LabPlan): PortUse[] {
  const members = plan.members.flatMap((member) => [
    { port: member.postgresPort, use: `PostgreSQL of ${member.name}` },
    { port: member.restPort, use: `REST API of ${member.name}` },
    ...proxyUses(member.proxy, `proxy of ${member.name}`),
  ]);
  return [
    ...proxyUses(plan.proxy, "the lab's proxy"),
    ...members,
    ...plan.store.ports,
  ];
}

/** Connection string of `port` for the lab's superuser. */
export function connectionString(plan: LabPlan, port: number): string {
  return `postgres://postgres:${plan.password}@127.0.0.1:${port}/postgres`;
}
