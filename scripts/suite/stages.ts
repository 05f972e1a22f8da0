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
  /** It starts together with the stage before it, not after it. */
  readonly isBeside?: true;
  /** It takes what processor time the others leave. */
  readonly isPatient?: true;
  readonly env?: Readonly<Record<string, string>>;
  /** Files that failed run once more with this, alone; see second_attempt.ts. */
  readonly repeat?: readonly string[];
}

/** The servers mostly wait, so two processors carry three files well. */
const FILES_AT_ONCE = 3;
/** Beside others that need the processors. */
const FILES_BESIDE = 2;

/** Enough to find rare interleavings, in three minutes. */
const SIM_SEEDS = 10_000;

function task(name: string, ...args: readonly string[]): readonly string[] {
  return ["deno", "task", "--quiet", name, ...args];
}

function tests(name: string, needs: string): Stage {
  return { name, command: task(`test:${name}`), kind: "tests", needs };
}

/** Files beside each other; what slips because of that is tried again: see second_attempt.ts. */
function parallel(name: string, filesAtOnce: number): Stage {
  return {
    ...tests(name, `tests/${name}`),
    env: { DENO_JOBS: String(filesAtOnce), ...PROGRAMS_ENV },
    repeat: ["deno", "test", "--quiet", "--no-check", "--allow-all"],
  };
}

/** Tests for root alone, and of what all tests of a process share: its environment. */
const ROOTS: readonly string[] = [
  "tests/integration/systemd_unit_test.ts",
  "tests/integration/cli_systemd_test.ts",
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
  tests("unit", "lib/core"),
  // It mostly waits for servers and for leases to end.
  { ...parallel("conformance", FILES_AT_ONCE), isBeside: true },
  { ...parallel("security", FILES_BESIDE), isBeside: true },
  {
    ...parallel("integration", FILES_AT_ONCE),
    command: unprivileged("tests/integration", ROOTS),
  },
  {
    ...parallel("integration", 1),
    name: "as root",
    command: ["deno", "test", "--quiet", "--no-check", "--allow-all", ...ROOTS],
    isBeside: true,
  },
  {
    ...tests("fault:some", "tests/fault"),
    name: "fault",
    env: { MATRIARCH_FAULT_ONLY: SOME_FAULTS },
  },
  // One waits most of the time, the other compiles.
  { ...tests("e2e", "tests/e2e"), isBeside: true },
  // Its time is virtual, so being slow changes nothing.
  {
    ...tests("sim", "tests/sim"),
    env: { MATRIARCH_SIM_SEEDS: String(SIM_SEEDS) },
    isBeside: true,
    isPatient: true,
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

/** Stages that run at the same time, in order. */
export function groups(
  stages: readonly Stage[],
): readonly (readonly Stage[])[] {
  const starts = stages.map(({ isBeside }, at) => at === 0 || !isBeside);
  return stages.flatMap((_, at) => {
    if (!starts[at]) return [];
    const end = starts.indexOf(true, at + 1);
    return [stages.slice(at, end === -1 ? stages.length : end)];
  });
}
