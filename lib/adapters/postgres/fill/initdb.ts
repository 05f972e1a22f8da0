/**
 * Fills an empty data directory for a new scope: by initdb, or by the program
 * that the user configured. The first start and the roles come after.
 *
 * Source: docs/contract/ha.md 17.1.
 */
import { userInfo } from "node:os";
import { PostgresError } from "../../../ports/errors.ts";
import { removeIfPresent } from "../directory/files.ts";
import type { FillingWork } from "../directory/filling.ts";
import type { PostgresContext } from "../options.ts";
import { foldersOfCopy } from "./planned_folders.ts";
import { customCommand } from "../process/program_options.ts";
import { programPath, runOrThrow } from "../process/programs.ts";

/** Runs initdb or the custom method; the directory stays marked as unfinished. */
export async function fillDataDirectory(
  context: PostgresContext,
  filling: FillingWork,
  signal: AbortSignal,
): Promise<void> {
  const method = context.options.bootstrap?.method;
  if (method === undefined) {
    throw new PostgresError("There is no bootstrap section");
  }
  const isOwnProgram = method.kind === "initdb";
  const args = isOwnProgram ? method.options : [];
  await filling.begin({
    what: "bootstrap",
    isOwnProgram,
    folders: await foldersOfCopy(context, null, args),
    existing: "refused",
  });
  const onStart = (pid: number): Promise<void> => filling.started(pid);
  const { env } = filling;
  if (method.kind === "initdb") {
    const { options } = method;
    return await initdb(context, { options, signal, env, onStart });
  }
  const { scope, dataDir } = context.options;
  const call = customCommand(method, {
    before: [`--scope=${scope}`, `--datadir=${dataDir}`],
    after: [],
  });
  await runOrThrow({ ...call, signal, env, onStart });
}

interface InitdbCall {
  readonly options: readonly string[];
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string>>;
  readonly onStart: (pid: number) => Promise<void>;
}

async function initdb(
  context: PostgresContext,
  { options: own, ...hooks }: InitdbCall,
): Promise<void> {
  const { options } = context;
  const { superuser } = options.authentication;
  const args = [
    ...own,
    `--username=${superuser.username ?? userInfo().username}`,
    `--pgdata=${options.dataDir}`,
  ];
  const password = superuser.password;
  // 0600, and of a name that nobody can guess.
  const passwordFile = password ? await Deno.makeTempFile() : null;
  try {
    if (passwordFile !== null) {
      await Deno.writeTextFile(passwordFile, `${password}\n`);
      args.push(`--pwfile=${passwordFile}`);
    }
    await runOrThrow({
      command: programPath(context, "initdb"),
      args,
      ...hooks,
    });
  } finally {
    if (passwordFile !== null) await removeIfPresent(passwordFile);
  }
}
