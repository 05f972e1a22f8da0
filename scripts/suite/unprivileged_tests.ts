/**
 * `unprivileged_tests.ts FOLDER EXCEPT...`: all test files of a folder but some,
 * beside each other. Root starts the whole run as an ordinary user, once for all
 * files; alone, each file does so itself (`tests/helpers/unprivileged.ts`).
 */
import { unprivilegedRun } from "./unprivileged_run.ts";

const [folder = "", ...except] = Deno.args;

/** The test run's exit code. */
async function run(): Promise<number> {
  const ignored = except.map((path) => `--ignore=${path}`);
  const words = ["--parallel", "--quiet", ...ignored, folder];
  const home = await Deno.makeTempDir({ prefix: "matriarch-home-" });
  try {
    await Deno.chmod(home, 0o777);
    const { program, args, env } = Deno.uid() === 0
      ? await unprivilegedRun(words, home)
      : {
        program: Deno.execPath(),
        args: ["test", "--allow-all", "--no-check", ...words],
        env: {},
      };
    const child = new Deno.Command(program, {
      args: [...args],
      env: { ...env },
      stdin: "null",
    }).spawn();
    return (await child.status).code;
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

Deno.exit(await run());
