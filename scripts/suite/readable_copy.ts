/**
 * As root the tests run as an unprivileged user, who cannot enter a checkout
 * below a closed folder (root's home, a home folder with mode 700). Then the
 * whole suite runs in a copy that everybody can read.
 */
import { UNPRIVILEGED_USER } from "./unprivileged_run.ts";

/** Not needed there, and large. */
const LEFT_OUT = ["dist", ".cache"];
/** Of the cache: Deno itself, what was downloaded, and the logs with the counts. */
const CACHED = [
  "consul",
  "deno",
  "deno-verified",
  "etcd",
  "kube-apiserver",
  "patroni",
  "test",
  "zookeeper",
];
const LOGS = ".cache/test";

/** Whether the user that the tests drop to can read this checkout and Deno. */
export function isReadable(): boolean {
  if (Deno.uid() !== 0) return true;
  const looks = 'test -r "$1" && test -x "$2"';
  const paths = [`${Deno.cwd()}/main.ts`, Deno.execPath()];
  const { success } = new Deno.Command("runuser", {
    args: ["-u", UNPRIVILEGED_USER, "--", "sh", "-c", looks, "sh", ...paths],
    cwd: "/",
  }).outputSync();
  return success;
}

async function shell(line: string, ...args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command("/bin/sh", {
    args: ["-c", `set -eu; ${line}`, "sh", ...args],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot copy the checkout: ${line}`);
}

function there(folder: string, names: readonly string[]): readonly string[] {
  const entries = [...Deno.readDirSync(folder)].map(({ name }) => name);
  return names.filter((name) => entries.includes(name));
}

async function fill(copy: string): Promise<void> {
  const names = [...Deno.readDirSync(".")].map(({ name }) => name)
    .filter((name) => !LEFT_OUT.includes(name));
  await shell('to=$1; shift; cp -a -- "$@" "$to"', copy, ...names);
  await Deno.mkdir(`${copy}/.cache`);
  const cached = there(".cache", CACHED).map((name) => `.cache/${name}`);
  await shell('to=$1; shift; cp -a -- "$@" "$to"', `${copy}/.cache`, ...cached);
  await shell('chmod -R go+rX -- "$1"', copy);
}

/**
 * Runs `scripts/test` in a readable copy, and brings its logs back.
 *
 * @param env What the copy's own start must not find is empty there.
 * @returns Its exit code.
 */
export async function runInCopy(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const copy = await Deno.makeTempDir({ prefix: "matriarch-checkout-" });
  console.log(
    `test: the unprivileged test user cannot read ${Deno.cwd()}; ` +
      `the suite runs in a copy, ${copy}`,
  );
  try {
    await fill(copy);
    const child = new Deno.Command(`${copy}/scripts/test`, {
      args: [...args],
      cwd: copy,
      env: { ...env },
      stdin: "null",
    }).spawn();
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    const forwards = signals.map((signal) => {
      const forward = (): void => child.kill(signal);
      Deno.addSignalListener(signal, forward);
      return { signal, forward };
    });
    const { code } = await child.status;
    for (const { signal, forward } of forwards) {
      Deno.removeSignalListener(signal, forward);
    }
    await Deno.mkdir(LOGS, { recursive: true });
    await shell('cp -a -- "$1/." "$2"', `${copy}/${LOGS}`, LOGS);
    return code;
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}
