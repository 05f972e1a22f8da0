/** The end of a move: nobody is in the former store any more. */
import {
  moveProgress,
  outdatedKeys,
} from "../../../core/calc/migration/scope_move.ts";
import { isConfigMap } from "../../../core/calc/documents/config_merge.ts";
import { encodeJson, parseJsonObject } from "../../../core/codec/json.ts";
import {
  decodeMigration,
  MIGRATION_KEY,
} from "../../../core/codec/migration_codec.ts";
import type { Dcs, DcsEdit, DcsEntry } from "../../../ports/dcs.ts";
import { CliError } from "../../errors.ts";
import { confirm } from "../../prompts.ts";
import { print } from "../../session.ts";
import type { MoveFiles } from "./files.ts";
import { LIMITS, type Move } from "./move.ts";

/** How long the former store still shows the way when all have left it. */
const OUTDATED_MS = 60_000;

/** Whether this host has moved, and everybody else has. */
export function isOver(
  { isExchanged }: MoveFiles,
  there: readonly DcsEntry[],
): boolean {
  return isExchanged && moveProgress(there) === null &&
    there.some(({ key }) => key === "initialize");
}

/** Ends maintenance mode in the next store, and leads nobody astray in the former. */
export async function finish(move: Move): Promise<void> {
  const { session, former, next, scope } = move;
  const { entries } = await next.readFresh(LIMITS);
  const record = entries.find(({ key }) => key === MIGRATION_KEY);
  const config = entries.find(({ key }) => key === "config");
  const wasPaused = decodeMigration(record?.value ?? "").wasPaused;
  const resumed = config === undefined || wasPaused ? null : resumedBy(config);
  const result = await next.write({
    when: [record, config].flatMap((entry) =>
      entry === undefined ? [] : [{
        kind: "revision_is" as const,
        key: entry.key,
        revision: entry.revision,
      }]
    ),
    edits: [
      { kind: "delete", key: MIGRATION_KEY },
      ...(resumed === null ? [] : [resumed]),
    ],
  }, LIMITS);
  if (result.kind === "condition_failed") {
    throw new CliError("Somebody changed the next store: give this again");
  }
  await leadNobodyAstray(former);
  print(
    session,
    wasPaused
      ? `All of ${scope} is in the next store, and paused as before`
      : `All of ${scope} is in the next store; automatic changes are on again`,
  );
}

/**
 * Has the former store's ways end, if its move has not been ended there yet;
 * proxies of this host may need them for a moment more.
 */
export async function leadNobodyAstray(former: Dcs): Promise<void> {
  const { entries } = await former.readFresh(LIMITS);
  if (!entries.some(({ key }) => key === MIGRATION_KEY)) return;
  const left = outdatedKeys(entries);
  const { id } = await former.openSession(OUTDATED_MS, LIMITS);
  const edits = left.map(({ key, value }): DcsEdit => ({
    ...{ kind: "put", key, value, session: id },
  }));
  const over: DcsEdit = { kind: "delete", key: MIGRATION_KEY };
  await former.write({ when: [], edits: [...edits, over] }, LIMITS);
}

/** Ends this host's member of the former store, if it was Matriarch's. */
export async function retire(
  { session, files, options }: Pick<Move, "session" | "files" | "options">,
): Promise<void> {
  const { dcs } = files.former;
  if (dcs.kind !== "etcd3" || dcs.managed === null) {
    return print(session, "Nothing is left to do on this host");
  }
  const tools = await session.context.etcdTools({
    ...dcs,
    managed: dcs.managed,
  });
  if (await tools.process.running() === null) {
    return print(session, "Nothing is left to do on this host");
  }
  const { name, dataDir } = dcs.managed;
  const question = `Stop the member ${name} of the former etcd on this host?`;
  if (!options.isForced && !await confirm(session.context, question)) {
    return print(session, `${name} goes on; nobody needs it any more`);
  }
  await tools.process.stop();
  print(session, `It has ended; its data are still in ${dataDir}`);
}

/** The configuration's key without the pause. */
function resumedBy({ key, value }: DcsEntry): DcsEdit | null {
  const document = parseJsonObject(value);
  if (document === null || !isConfigMap(document)) return null;
  const { pause: _, ...rest } = document;
  return { kind: "put", key, value: encodeJson(rest), session: null };
}
