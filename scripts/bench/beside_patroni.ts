/**
 * The frame of a bench that runs both systems: Patroni is fetched, and the bench
 * runs in a folder of its own, as an unprivileged user, since PostgreSQL refuses
 * root.
 */
import { fileURLToPath } from "node:url";
import { killMarked } from "../../lib/lab/processes.ts";
import { runAs, unprivilegedAccount } from "../../lib/lab/unprivileged.ts";
import { getPatroni } from "./get_patroni.ts";

const RESULT = "result.json";
const ENDED_EARLY = 143;

/** With both, this process is the one that measures. */
const DIRECTORY_VARIABLE = "MATRIARCH_BENCH_DIR";
const PYTHON_VARIABLE = "MATRIARCH_BENCH_PYTHONPATH";

/** Where a bench works. */
export interface BenchPlace {
  /** Empty, or that of an earlier run. */
  readonly directory: string;
  /** Where Python finds Patroni. */
  readonly pythonPath: string;
}

/** A bench that can be started as a program. */
export interface PlacedBench {
  /** `import.meta.url` of the program: it is started once more as another user. */
  readonly script: string;
  /** Made for this run and removed after it if null. */
  readonly directory: string | null;
  /** Where the result is copied to; null: nowhere. */
  readonly json: string | null;
  readonly measure: (place: BenchPlace) => Promise<void>;
}

/** Keeps the result of `measure` for the caller's `--json`. */
export async function writeResult(
  { directory }: Pick<BenchPlace, "directory">,
  result: unknown,
): Promise<void> {
  const text = JSON.stringify(result, null, 2);
  await Deno.writeTextFile(`${directory}/${RESULT}`, `${text}\n`);
}

/** Runs the bench. @returns The exit code. */
export async function runBesidePatroni(bench: PlacedBench): Promise<number> {
  const directory = Deno.env.get(DIRECTORY_VARIABLE);
  const pythonPath = Deno.env.get(PYTHON_VARIABLE);
  if (directory === undefined || pythonPath === undefined) {
    return await prepareAndRun(bench);
  }
  endServersAtSignal(directory);
  await bench.measure({ directory, pythonPath });
  return 0;
}

/** Who ends the bench early ends its servers, too. */
function endServersAtSignal(directory: string): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      killMarked(directory).finally(() => Deno.exit(ENDED_EARLY));
    });
  }
}

async function prepareAndRun(bench: PlacedBench): Promise<number> {
  const cache = new URL("../../.cache/patroni", import.meta.url).pathname;
  const pythonPath = await getPatroni(cache);
  const directory = bench.directory ??
    await Deno.makeTempDir({ prefix: "matriarch-bench-" });
  await Deno.mkdir(directory, { recursive: true });
  const place = { directory, pythonPath };
  try {
    if (Deno.uid() === 0) {
      const code = await runUnprivileged(bench.script, place);
      if (code !== 0) return code;
    } else {
      endServersAtSignal(directory);
      await bench.measure(place);
    }
    if (bench.json !== null) {
      await Deno.copyFile(`${directory}/${RESULT}`, bench.json);
    }
    return 0;
  } finally {
    if (bench.directory === null) {
      await Deno.remove(directory, { recursive: true });
    }
  }
}

async function runUnprivileged(
  script: string,
  { directory, pythonPath }: BenchPlace,
): Promise<number> {
  const account = unprivilegedAccount();
  await Deno.chown(directory, account.uid, account.gid);
  const path = fileURLToPath(script);
  return await runAs({
    account,
    home: directory,
    command: Deno.execPath(),
    args: ["run", "--allow-all", "--quiet", path, ...Deno.args],
    env: { [DIRECTORY_VARIABLE]: directory, [PYTHON_VARIABLE]: pythonPath },
  });
}
