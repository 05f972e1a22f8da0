/**
 * The programs that tests start, bundled once: `matriarch` laid out as in
 * Debian's package (`scripts/pack/matriarch.sh`), and the quick agent of
 * `tests/helpers`.
 */
import { bundleInto } from "../pack/bundle.ts";
import { ENGINE_FLAGS } from "../engine_flags.ts";

/** Where `tests/helpers/program.ts` finds them. */
export const PROGRAMS_ENV: Readonly<Record<string, string>> = {
  MATRIARCH_TEST_PROGRAMS: `${Deno.cwd()}/.cache/test/programs`,
};

const ENTRIES = [
  { name: "matriarch", entry: "main.ts" },
  { name: "quick_agent", entry: "tests/helpers/quick_agent.ts" },
] as const;

/** Whatever it is, the program that it starts again for its children is `matriarch`. */
function starter(folder: string, name: string): string {
  return `#!/bin/sh
MATRIARCH_EXE='${folder}/matriarch'
MATRIARCH_ARGV0=\${MATRIARCH_AS:-matriarch}
unset MATRIARCH_AS
DENO_NO_UPDATE_CHECK=1
DENO_NO_PACKAGE_JSON=1
export MATRIARCH_EXE MATRIARCH_ARGV0
export DENO_NO_UPDATE_CHECK DENO_NO_PACKAGE_JSON
exec '${Deno.execPath()}' run --allow-all --quiet --no-prompt --no-config \\
  --no-lock --no-remote --no-npm --no-check ${ENGINE_FLAGS} \\
  '${folder}/${name}.files/app/main.js' "$@"
`;
}

/** Makes the programs in `folder`, an absolute path; what was there is gone. */
async function makePrograms(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => undefined);
  await Promise.all(ENTRIES.map(async ({ name, entry }) => {
    const stage = `${folder}/${name}.files`;
    await Deno.mkdir(stage, { recursive: true });
    await bundleInto(stage, entry);
    const path = `${folder}/${name}`;
    await Deno.writeTextFile(path, starter(folder, name));
    await Deno.chmod(path, 0o755);
  }));
}

if (import.meta.main) {
  const { MATRIARCH_TEST_PROGRAMS: folder = "" } = PROGRAMS_ENV;
  await makePrograms(folder);
}
