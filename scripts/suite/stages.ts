/** The stages of ./scripts/test, in order. */

import { PROGRAMS_ENV } from "./programs.ts";

/** One stage: a command, and how its result is counted. */
export interface Stage {
  readonly name: string;
  /** Program and arguments, run in the root of the checkout. */
  readonly command: readonly string[];
  /** "tests" are counted one by one, a "check" counts as one. */
  readonly kind: "check" | "tests";
  /** What it tests; while that is missing there is nothing to run. */
  readonly needs: string | null;
  /** It starts together with the first of its group, not after the stage before it. */
  readonly isBeside?: true;
  /** It starts when the stage before it has ended; the others of the group go on. */
  readonly isNext?: true;
  /** It takes what processor time the others leave. */
  readonly isPatient?: true;
  readonly env?: Readonly<Record<string, string>>;
  /** Files that failed run once more with this, alone; see second_attempt.ts. */
  readonly repeat?: readonly string[];
}

/** Of the longest lane. */
const FILES_AT_ONCE = 2;

const QUIETLY = ["--quiet", "--no-check", "--allow-all"];

/** Enough to find rare interleavings, in three minutes. */
const SIM_SEEDS = 10_000;

function task(name: string, ...args: readonly string[]): readonly string[] {
  return ["deno", "task", "--quiet", name, ...args];
}

function tests(name: string, needs: string): Stage {
  return { name, command: task(`test:${name}`), kind: "tests", needs };
}

/** Files beside each other; what slips because of that is tried again at the end: see second_attempt.ts. */
function parallel(name: string, filesAtOnce: number): Stage {
  return {
    ...tests(name, `tests/${name}`),
    env: { DENO_JOBS: String(filesAtOnce), ...PROGRAMS_ENV },
    repeat: ["deno", "test", ...QUIETLY],
  };
}

/** Tests for root alone, and of what all tests of a process share: its environment. */
const ROOTS: readonly string[] = [
  "tests/integration/adopt_test.ts",
  "tests/integration/adopt_unit_test.ts",
  "tests/integration/systemd_unit_test.ts",
  "tests/integration/cli_systemd_test.ts",
  "tests/integration/three_hosts_test.ts",
  "tests/integration/three_hosts_own_store_test.ts",
  "tests/integration/witness_test.ts",
  "tests/integration/witness_unit_test.ts",
  "tests/integration/witness_user_test.ts",
  "tests/integration/proxy_unit_test.ts",
];

function unprivileged(
  folder: string,
  except: readonly string[],
): readonly string[] {
  const runner = "scripts/suite/unprivileged_tests.ts";
  const words = ["run", "--allow-all", "--quiet", runner, folder, ...except];
  return ["deno", ...words];
}

/** Debian's packages that the stages use; see scripts/packages.ts. */
export const PACKAGES: readonly string[] = [
  "postgresql",
  "etcd-server",
  "etcd-client",
  "prometheus",
  "chromium",
  "openssl",
  "pgbouncer",
  "libpostgresql-jdbc-java",
  "python3-asyncpg",
  "default-jre-headless",
  "haproxy",
  "iproute2",
  "nftables",
  "iputils-arping",
  "strace",
  "faketime",
  "zsh",
  "fish",
  "locales",
  "systemd",
  "redis-server",
];

/** One of each kind: the rest is for `deno task test:fault`, which takes half an hour. */
const SOME_FAULTS = [
  "agent killed",
  "agent frozen",
  "cut off from etcd",
  "20 % packet loss",
  "WAL disk full",
  "clock five minutes back",
].join("|");

/** Makes what tests with processes start. */
export const PROGRAMS: Stage = {
  name: "programs",
  command: [
    "deno",
    "run",
    "--allow-all",
    "--quiet",
    "scripts/suite/programs.ts",
  ],
  kind: "check",
  needs: null,
};

/** Every stage; all run, even if an earlier one failed. */
export const STAGES: readonly Stage[] = [
  {
    name: "format",
    command: ["deno", "fmt", "--check", "--quiet"],
    kind: "check",
    needs: null,
  },
  {
    name: "lint",
    command: ["deno", "lint", "--quiet"],
    kind: "check",
    needs: null,
    isBeside: true,
  },
  {
    name: "types",
    command: ["deno", "check", "--quiet"],
    kind: "check",
    needs: null,
    isBeside: true,
  },
  { ...PROGRAMS, isBeside: true },
  {
    name: "stores",
    command: task("test:stores"),
    kind: "check",
    needs: null,
    isBeside: true,
  },
  {
    name: "rules page",
    command: task("rules", "--check"),
    kind: "check",
    needs: "lib/core/decide.ts",
    isBeside: true,
  },
  {
    name: "configuration page",
    command: task("configuration", "--check"),
    kind: "check",
    needs: "lib/config/key_reference.ts",
  },
  // Servers wait most of the time, so four lanes carry each other on two cores.
  // More files at once end no sooner, and what they arrange slips more often.
  {
    ...parallel("integration", FILES_AT_ONCE),
    command: unprivileged("tests/integration", ROOTS),
  },
  // It mostly waits for servers and for leases to end.
  { ...parallel("conformance", 1), isBeside: true },
  { ...parallel("security", 1), isNext: true },
  { ...tests("unit", "lib/core"), isBeside: true },
  {
    ...parallel("integration", 1),
    name: "as root",
    // One at a time all the same; so lines name files, which a second attempt needs.
    command: ["deno", "test", "--parallel", ...QUIETLY, ...ROOTS],
    isNext: true,
  },
  { ...tests("e2e", "tests/e2e"), isNext: true },
  {
    ...tests("fault:some", "tests/fault"),
    name: "fault",
    env: { MATRIARCH_FAULT_ONLY: SOME_FAULTS },
    isNext: true,
  },
  // Its time is virtual, so being slow changes nothing.
  {
    ...tests("sim", "tests/sim"),
    env: { MATRIARCH_SIM_SEEDS: String(SIM_SEEDS) },
    isBeside: true,
    isPatient: true,
  },
  // Where `deno task test:containers` has brought an engine; it says so if not.
  {
    ...tests("containers", "tests/containers"),
    command: [
      ...["deno", "test", "--quiet", "--no-check", "--allow-all"],
      "tests/containers",
    ],
  },
];

/** What the suite leaves out, because it takes long or needs more: `deno task test:all`. */
export const LEFT_OUT: readonly Stage[] = [
  tests("kubernetes", "tests/conformance"),
  tests("compat", "tests/compat"),
  {
    name: "versions",
    command: task("test:versions"),
    kind: "check",
    needs: "scripts/versions.ts",
  },
  { ...tests("fault", "tests/fault"), name: "all faults" },
];

/**
 * The stages of these names, those of the suite if there are none, and what
 * they need; null for a wrong name.
 */
export function chosen(names: readonly string[]): readonly Stage[] | null {
  if (names.length === 0) return STAGES;
  const all = [...STAGES, ...LEFT_OUT];
  const named = all.filter(({ name }) => names.includes(name));
  if (named.length !== names.length) return null;
  const isWanted = named.some(({ env = {} }) =>
    Object.keys(PROGRAMS_ENV).some((name) => name in env)
  );
  const others = named.filter(({ name }) => name !== PROGRAMS.name);
  return isWanted ? [PROGRAMS, ...others] : named;
}

/** Stages that are over before the next of them begin, in order. */
export function groups(
  stages: readonly Stage[],
): readonly (readonly Stage[])[] {
  return split(stages, ({ isBeside, isNext }) => !isBeside && !isNext);
}

/** Of a group: stages that run one after the other, beside those of the other lanes. */
export function lanes(
  group: readonly Stage[],
): readonly (readonly Stage[])[] {
  return split(group, ({ isNext }) => !isNext);
}

function split(
  stages: readonly Stage[],
  isFirst: (stage: Stage) => boolean,
): readonly (readonly Stage[])[] {
  const starts = stages.map((stage, at) => at === 0 || isFirst(stage));
  return stages.flatMap((_, at) => {
    if (!starts[at]) return [];
    const end = starts.indexOf(true, at + 1);
    return [stages.slice(at, end === -1 ? stages.length : end)];
  });
}
