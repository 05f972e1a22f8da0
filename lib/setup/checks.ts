/**
 * What stands in the way of a host, and what its operator should know: from facts
 * to sentences, all at once. Nothing here looks at anything by itself.
 */
import type {
  HostFacts,
  PortHolder,
  PostgresPrograms,
} from "../ports/setup.ts";
import { isStorePort } from "./layout.ts";

/** What is asked for. */
export interface HostWish {
  readonly address: string;
  readonly user: string;
  readonly dataDir: string;
  /** Where a member of the store would keep its data. */
  readonly storeDir: string;
  /** Null: the newest version that is there. */
  readonly pgBin: string | null;
  /** The cluster's; null: any. */
  readonly postgresMajor: number | null;
  /** Null: no virtual address. */
  readonly vip: string | null;
  /** Whether a service is to be started. */
  readonly isStarted: boolean;
  /** Whether a PostgreSQL that is there may be taken over. */
  readonly isAdopted: boolean;
  /** Whether nothing of PostgreSQL is to run here. */
  readonly isWitness: boolean;
  /** Whether the user is made if there is none. */
  readonly mayMakeUser: boolean;
}

/** What the checks came to. */
export interface CheckResult {
  /** Each keeps the host from being set up. */
  readonly problems: readonly string[];
  /** Each is good to know. */
  readonly notes: readonly string[];
  /** All that fit, newest first. */
  readonly usable: readonly PostgresPrograms[];
  /** Their major versions. */
  readonly majors: readonly number[];
  /** Null: there is none that fits. */
  readonly postgres: PostgresPrograms | null;
  /** The interface with the address; null: none has it. */
  readonly interface: string | null;
}

const POSTGRES_MAJOR_MIN = 13;
const MIB = 1024 * 1024;
/** An empty data directory with some WAL. */
const FREE_BYTES_MIN = 512 * MIB;
const FREE_BYTES_FEW = 4_096 * MIB;

/** Everything that is wrong, and everything that is odd. */
export function checkHost(facts: HostFacts, wish: HostWish): CheckResult {
  const usable = usablePostgres(facts, wish);
  const [postgres = null] = usable;
  const found = facts.addresses.find(({ address }) => address === wish.address);
  const ofPostgres = wish.isWitness ? [] : [
    ...(postgres === null ? [postgresProblem(facts, wish)] : []),
    ...dataProblems(facts, wish),
  ];
  return {
    problems: [
      ...userProblems(facts, wish),
      ...addressProblems(facts, wish),
      ...ofPostgres,
      ...portProblems(facts),
      ...diskProblems(facts, wish),
      ...serviceProblems(facts, wish),
      ...vipProblems(facts, wish),
    ],
    notes: notesOf(facts, wish),
    ...{ usable, postgres },
    majors: usable.flatMap(({ major }) => major === null ? [] : [major]),
    interface: found?.interface ?? null,
  };
}

function userProblems(
  { isRoot, user }: HostFacts,
  wish: HostWish,
): readonly string[] {
  if (user === null && !(isRoot && wish.mayMakeUser)) {
    const what = wish.isWitness ? "make it" : "install PostgreSQL's package";
    return [
      `There is no user ${wish.user}: ${what}, or name another one by --user`,
    ];
  }
  if (isRoot || !wish.isStarted) return [];
  return [
    "Only root can write a service: call this by sudo, or with --no-start",
  ];
}

function addressProblems(
  { addresses }: HostFacts,
  { address }: HostWish,
): readonly string[] {
  if (addresses.some((each) => each.address === address)) return [];
  const own = addresses
    .filter(({ interface: name }) => name !== "lo")
    .map((each) => each.address);
  const list = own.length === 0 ? "none but loopback" : own.join(", ");
  return [
    `No interface of this host has the address ${address}: it has ${list}`,
  ];
}

/** Those with all programs and a version that fits, newest first. */
function usablePostgres(
  { postgres }: HostFacts,
  { postgresMajor }: HostWish,
): readonly PostgresPrograms[] {
  return postgres.filter(({ missing, major }) =>
    missing.length === 0 && major !== null && major >= POSTGRES_MAJOR_MIN &&
    (postgresMajor === null || major === postgresMajor)
  ).toSorted((a, b) => (b.major ?? 0) - (a.major ?? 0));
}

/** Why none is usable. */
function postgresProblem(
  { postgres }: HostFacts,
  { pgBin, postgresMajor }: HostWish,
): string {
  const where = pgBin === null ? "this host" : pgBin;
  const [partial] = postgres;
  if (partial === undefined) {
    return `There is no PostgreSQL on ${where}: install its server, or name ` +
      "the folder of its programs by --pg-bin";
  }
  if (partial.missing.length > 0) {
    return `${partial.folder} lacks ${partial.missing.join(", ")}: install ` +
      "PostgreSQL's server and its client";
  }
  const whole = postgres.filter(({ missing }) => missing.length === 0);
  const versions = whole.map(({ major }) => major ?? "unknown").join(", ");
  const wanted = postgresMajor === null
    ? `${POSTGRES_MAJOR_MIN} or newer`
    : `${postgresMajor}, as the cluster has it`;
  return `PostgreSQL ${versions} is on ${where}; wanted is ${wanted}`;
}

function portProblems({ taken }: HostFacts): readonly string[] {
  return taken.filter(({ port }) => !isStorePort(port)).map(takenText);
}

/** That a port is not free. */
export function takenText({ port, program }: PortHolder): string {
  return `Port ${port} is taken by ${
    program ?? "another program"
  }: stop it first`;
}

function dataProblems(
  { dataDirectory, managers }: HostFacts,
  { dataDir, isAdopted }: HostWish,
): readonly string[] {
  const running = managers.map((name) =>
    `${name} runs on this host: two managers of one PostgreSQL destroy it. ` +
    "docs/migration.md says how to come from Patroni"
  );
  if (isAdopted) return running;
  return [...running, ...directoryProblems(dataDirectory.kind, dataDir)];
}

function directoryProblems(
  kind: HostFacts["dataDirectory"]["kind"],
  dataDir: string,
): readonly string[] {
  switch (kind) {
    case "absent":
    case "empty":
      return [];
    case "postgres":
      return [
        `${dataDir} has a PostgreSQL data directory already, which is left ` +
        "alone: name another one by --data-dir, or start its server and take " +
        "it over as it is by init --adopt",
      ];
    case "other":
      return [`${dataDir} is not empty: name another one by --data-dir`];
  }
}

function diskProblems(
  { freeBytes }: HostFacts,
  { dataDir }: HostWish,
): readonly string[] {
  if (freeBytes === null || freeBytes >= FREE_BYTES_MIN) return [];
  return [
    `Only ${mib(freeBytes)} MiB are free where ${dataDir} will lie: ` +
    `${mib(FREE_BYTES_MIN)} MiB are the least`,
  ];
}

function serviceProblems(
  { hasSystemd }: HostFacts,
  { isStarted }: HostWish,
): readonly string[] {
  if (hasSystemd || !isStarted) return [];
  return [
    "systemd does not run here: give --no-start, and start the agent by what " +
    "this host has for that",
  ];
}

function vipProblems(
  { missingVipPrograms }: HostFacts,
  { vip }: HostWish,
): readonly string[] {
  if (vip === null || missingVipPrograms.length === 0) return [];
  return [
    `A virtual address needs ${missingVipPrograms.join(" and ")} ` +
    "(packages iproute2 and iputils-arping)",
  ];
}

function notesOf(
  facts: HostFacts,
  { isWitness }: HostWish,
): readonly string[] {
  const { isClockKept, hasWatchdog, freeBytes } = facts;
  return [
    ...(isClockKept === false
      ? [
        "Nothing keeps the clock of this host right: install chrony or " +
        "systemd-timesyncd. Certificates and logs need the time; leases do not",
      ]
      : []),
    // What it would reset a host for is a PostgreSQL that nobody guards.
    ...(hasWatchdog || isWitness ? [] : [
      "There is no watchdog device: a frozen host is not reset. " +
      "docs/safety.md says what covers that",
    ]),
    ...(freeBytes !== null && freeBytes >= FREE_BYTES_MIN &&
        freeBytes < FREE_BYTES_FEW
      ? [`Only ${mib(freeBytes)} MiB are free where the data will lie`]
      : []),
  ];
}

function mib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
