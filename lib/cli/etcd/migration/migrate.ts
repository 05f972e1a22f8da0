/**
 * `etcd migrate`: one host moves to another etcd. In maintenance mode agents end
 * without their PostgreSQL, and the next ones find it running; so the scope is
 * paused, copied, and one agent after the other is started with the next store.
 * The leader's host begins and copies. Every step is harmless when it is done
 * twice, and what is done shows in the stores and the files, so a command that
 * was interrupted is simply given again.
 */
import {
  copiedKeys,
  type MoveProgress,
  moveProgress,
  signposts,
} from "../../../core/calc/migration/scope_move.ts";
import { isPausedIn } from "../../../core/calc/documents/cluster_document.ts";
import { decodeClusterView } from "../../../core/codec/cluster_view_codec.ts";
import {
  encodeMigration,
  MIGRATION_KEY,
} from "../../../core/codec/migration_codec.ts";
import { UNIT } from "../../../setup/layout.ts";
import type { DcsEdit, DcsEntry, DcsWrite } from "../../../ports/dcs.ts";
import { DcsUnreachableError } from "../../../ports/errors.ts";
import { CliError } from "../../errors.ts";
import { isKnown, patchAnyMember } from "../../pause_mode.ts";
import { agree } from "../../prompts.ts";
import {
  print,
  type ScopeName,
  type Session,
  withScope,
  withStore,
} from "../../session.ts";
import type { CliSettings } from "../../settings.ts";
import { exchange, readMoveFiles } from "./files.ts";
import { finish, isOver, leadNobodyAstray, retire } from "./finish.ts";
import { LIMITS, type MigrateOptions, type Move } from "./move.ts";

const LOOK_MS = 500;
/** An agent's start, and its first cycles. */
const WAIT_MS_MAX = 120_000;

/**
 * Moves this host.
 *
 * @param path Its configuration with the next store.
 * @throws {CliError} With what to do, if it cannot go on.
 */
export async function migrate(
  session: Session,
  path: string,
  options: MigrateOptions,
): Promise<void> {
  const files = await readMoveFiles(session, path);
  const { scope, memberName } = files.next;
  if (scope === null || memberName === null) {
    throw new CliError("The configuration has no scope, or no name");
  }
  const place = { name: scope, group: null };
  const common = { session, files, scope, name: memberName, options };
  const at = (settings: CliSettings): Session => ({ ...session, settings });
  const haveAllMoved = await withStore(at(files.next), place, async (next) => {
    const there = (await next.readFresh(LIMITS)).entries;
    if (isOver(files, there)) {
      await tidyUp(at(files.former), place);
      return true;
    }
    await withStore(
      at(files.former),
      place,
      (former) => moveHost({ ...common, former, next }, there),
    );
    return moveProgress((await next.readFresh(LIMITS)).entries) === null;
  });
  // No connection to it is open any more.
  if (haveAllMoved) await retire(common);
}

/** A command that ended everything may have been interrupted at the last step. */
async function tidyUp(former: Session, place: ScopeName): Promise<void> {
  try {
    await withStore(former, place, leadNobodyAstray);
  } catch (error) {
    // It may be gone for good.
    if (!(error instanceof DcsUnreachableError)) throw error;
  }
}

async function moveHost(
  move: Move,
  there: readonly DcsEntry[],
): Promise<void> {
  const before = (await move.former.readFresh(LIMITS)).entries;
  checkStart(move, { before, there });
  await ask(move);
  await pause(move, { before, there });
  if (moveProgress(there)?.isLed !== true) await copy(move);
  const setup = await move.session.context.openSetup();
  await exchange(move.files, setup.host.files);
  if (move.options.restarts) {
    await setup.host.service.stop(UNIT);
    await setup.host.service.start(UNIT);
  } else {
    print(move.session, `Start the agent of ${move.name} anew now`);
  }
  const progress = await untilArrived(move, before);
  await leaveSignposts(move, before, false);
  print(move.session, `${move.name} is in the next store`);
  if (progress.waiting.length === 0) return await finish(move);
  print(
    move.session,
    `Still in the former one: ${progress.waiting.join(", ")}. Give the same ` +
      "command there; nobody fails over until all have moved. Stand-alone " +
      "proxies must have the next store before the last of them",
  );
}

/** The keys of the former store, and of the next one. */
interface Stores {
  readonly before: readonly DcsEntry[];
  readonly there: readonly DcsEntry[];
}

/** What stands against it. */
function checkStart(
  { name, scope, files: { path, keptPath } }: Move,
  { before, there }: Stores,
): void {
  // What would be copied from there is what was copied to there.
  if (moveProgress(before) !== null) {
    throw new CliError(
      `${path} names a store that ${scope} still moves into, so it is the next ` +
        `one already: put the former one back (cp ${keptPath} ${path}) and give ` +
        "this again",
    );
  }
  if (isSameStore({ before, there })) {
    throw new CliError(
      `Both files name the same store: ${path} is in force, give a file with ` +
        "another section etcd3",
    );
  }
  const progress = moveProgress(there);
  const view = decodeClusterView({ entries: before });
  if (view.initialize.kind === "absent") {
    throw new CliError(`The former store has no cluster ${scope}`);
  }
  const present = decodeClusterView({ entries: there }).initialize;
  const isOther = present.kind !== "absent" &&
    JSON.stringify(present) !== JSON.stringify(view.initialize);
  if (isOther || progress === null && present.kind !== "absent") {
    throw new CliError(
      `The next store already has a cluster ${scope}; if it is of no use, ` +
        "remove it there first (matriarch -c NEXT_FILE remove)",
    );
  }
  if (!view.members.some((member) => member.name === name)) {
    throw new CliError(`The former store has no member ${name}`);
  }
  if (progress?.isLed !== true && view.leader?.name !== name) {
    throw new CliError(
      view.leader === null
        ? `${scope} has no leader: it cannot move now`
        : `${view.leader.name} leads: its host moves first`,
    );
  }
}

async function ask({ session, name, scope, options }: Move): Promise<void> {
  const question = `Pause ${scope} and start the agent of ${name} anew with ` +
    "the next store?";
  await agree(session.context, question, options.isForced);
}

/** Everybody must know it before the first one goes. */
async function pause(
  { session, former, scope, files }: Move,
  { before, there }: Stores,
): Promise<void> {
  const { config } = decodeClusterView({ entries: before });
  const wasPaused = isPausedIn(config?.document ?? {});
  const isFirst = !before.some(({ key }) => key === MIGRATION_KEY);
  await former.write({
    when: [{ kind: "absent", key: MIGRATION_KEY }],
    edits: [put(MIGRATION_KEY, encodeMigration({ wasPaused }))],
  }, LIMITS);
  // Whoever was interrupted here has not heard yet that all know it.
  if (wasPaused && (isFirst || moveProgress(there) !== null)) return;
  const settings = files.former;
  await withScope(
    { ...session, settings },
    { name: scope, group: null },
    async (
      each,
    ) => {
      const reply = await patchAnyMember("pause", session, await each.read());
      if (reply.status !== 200) {
        // Who pauses it by hand before the next call wants it to stay so.
        if (isFirst) await former.write(FORGET, LIMITS);
        throw new CliError(
          `${scope} could not be paused (${reply.body}); nothing has moved`,
        );
      }
      if (await isKnown("pause", session, each)) return;
      throw new CliError(
        `${scope} is paused, but not every member knows it yet; nothing has ` +
          "moved: give this again, or matriarch resume",
      );
    },
  );
}

/** The next call finds the scope as this one did. */
const FORGET: DcsWrite = {
  when: [],
  edits: [{ kind: "delete", key: MIGRATION_KEY }],
};

/** Of two stores no two keys of three were written at the same revisions. */
function isSameStore({ before, there }: Stores): boolean {
  return ["initialize", "config", "leader"].every((name) => {
    const [one, other] = [before, there].map((entries) =>
      entries.find(({ key }) => key === name)
    );
    return one !== undefined && one.revision === other?.revision &&
      one.value === other.value;
  });
}

/** All keys in one write, so that who has written since can be told. */
async function copy({ former, next, scope, session }: Move): Promise<void> {
  const { entries } = await former.readFresh(LIMITS);
  const there = moveProgress((await next.readFresh(LIMITS)).entries);
  const result = await next.write({
    when: there === null ? [{ kind: "absent", key: "initialize" }] : [{
      kind: "revision_is",
      key: MIGRATION_KEY,
      revision: there.revision,
    }],
    edits: copiedKeys(entries).map(({ key, value }) => put(key, value)),
  }, LIMITS);
  if (result.kind === "condition_failed") {
    throw new CliError("Somebody else changes the next store: try again");
  }
  print(session, `${scope} is copied: ${entries.length} keys`);
}

async function untilArrived(
  move: Move,
  before: readonly DcsEntry[],
): Promise<MoveProgress> {
  const { session, next, name } = move;
  const { clock } = session.context;
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += LOOK_MS) {
    const progress = moveProgress((await next.readFresh(LIMITS)).entries);
    if (progress === null) {
      throw new CliError(
        "Somebody else has ended the move: see matriarch list",
      );
    }
    if (!progress.waiting.includes(name) && progress.isLed) return progress;
    await leaveSignposts(move, before, true);
    await clock.sleep(LOOK_MS);
  }
  throw new CliError(
    `The agent of ${name} has not come to the next store within two minutes: ` +
      "see its log, then give this command again",
  );
}

/**
 * Its own keys there end with its lease; proxies there still need them.
 *
 * @param isGentle Only those that have ended are put: the agent may still be there.
 */
async function leaveSignposts(
  { former, name }: Move,
  before: readonly DcsEntry[],
  isGentle: boolean,
): Promise<void> {
  for (const { key, value } of signposts(before, name)) {
    const when = isGentle ? [{ kind: "absent", key } as const] : [];
    await former.write({ when, edits: [put(key, value)] }, LIMITS);
  }
}

function put(key: string, value: string): DcsEdit {
  return { kind: "put", key, value, session: null };
}
