/**
 * The files of a host that moves to another store: the configuration in force,
 * which is kept beside, and the next one, which takes its place.
 */
import type { SetupFiles } from "../../../ports/setup.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import type { Session } from "../../session.ts";
import { type CliSettings, settingsOfFile } from "../../settings.ts";

/** Paths, and what they say. */
export interface MoveFiles {
  /** Where the agent reads its configuration. */
  readonly path: string;
  /** Where the former text is kept. */
  readonly keptPath: string;
  readonly nextText: string;
  /** The next text is in force already. */
  readonly isExchanged: boolean;
  readonly former: CliSettings;
  readonly next: CliSettings;
}

/**
 * Reads them.
 *
 * @param nextPath A complete configuration of this host with the next store.
 * @throws {CliError} If one is missing, or both do not mean one member.
 */
export async function readMoveFiles(
  session: Session,
  nextPath: string,
): Promise<MoveFiles> {
  const { context } = session;
  const path = pathInForce(session);
  const keptPath = `${path}.former`;
  const nextText = await textOf(context, nextPath);
  const isExchanged = nextText === await textOf(context, path);
  if (isExchanged && await context.files.readText(keptPath) === null) {
    throw new CliError(
      `${nextPath} is what is in force: give a file with the next store`,
    );
  }
  const former = isExchanged
    ? await settingsOfFile(context, keptPath)
    : session.settings;
  const next = await settingsOfFile(context, nextPath);
  checkSame(former, next);
  return { path, keptPath, nextText, isExchanged, former, next };
}

/** Puts the next text in force; who is interrupted does it again. */
export async function exchange(
  { path, keptPath, nextText, isExchanged }: MoveFiles,
  files: SetupFiles,
): Promise<void> {
  if (isExchanged) return;
  const text = await files.read(path);
  if (text === null) throw new CliError(`Cannot read ${path}`);
  const owner = null;
  await files.write({ owner, mode: 0o600, path: keptPath, text });
  // The agent is another user than root, and may read it as one of a group.
  await files.write({ owner, mode: null, path, text: nextText });
}

function pathInForce({ settings }: Session): string {
  const paths = settings.layers.map(({ source }) => source)
    .filter((source) => source.startsWith("/"));
  const [path] = paths;
  if (path === undefined || paths.length > 1) {
    throw new CliError(
      "The store can only be exchanged in a configuration of one file: give " +
        "it by -c /etc/matriarch/matriarch.yml",
    );
  }
  return path;
}

async function textOf({ files }: CliContext, path: string): Promise<string> {
  const text = await files.readText(path);
  if (text === null) throw new CliError(`Cannot read ${path}`);
  return text;
}

/** Another scope's file, or another host's, is a mistake. */
function checkSame(former: CliSettings, next: CliSettings): void {
  for (
    const [key, before, after] of [
      ["scope", former.scope, next.scope],
      ["name", former.memberName, next.memberName],
    ] as const
  ) {
    if (before === after && before !== null) continue;
    throw new CliError(
      `Both files must have the same ${key}: ${before ?? "none"} in the one ` +
        `in force, ${after ?? "none"} in the next`,
    );
  }
  for (const { dcs } of [former, next]) {
    if (dcs.kind === "etcd3") continue;
    throw new CliError(`Scopes move between etcd and etcd, not ${dcs.kind}`);
  }
}
