/** `etcd`: looks after the store that comes along (`etcd3.managed`). */
import type { CommandDefinition } from "../definition.ts";
import { FORCE_OPTION } from "../definition.ts";
import { removeMember, replaceMember } from "../etcd/changes.ts";
import {
  forceNewCluster,
  found,
  join,
  restoreSnapshot,
} from "../etcd/orders.ts";
import { restartMember } from "../etcd/restart.ts";
import { migrate } from "../etcd/migration/migrate.ts";
import { showStatus } from "../etcd/status.ts";
import { type EtcdSession, etcdSession } from "../etcd/survey.ts";
import { UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { print } from "../session.ts";

const ACTIONS = [
  "status",
  "snapshot",
  "restart",
  "restore",
  "replace",
  "remove",
  "found",
  "join",
  "migrate",
] as const;

/** `etcd`. */
export const ETCD_COMMAND: CommandDefinition = {
  name: "etcd",
  isOwn: true,
  summary: "Look after the managed store: status, snapshot, replace, ...",
  arguments: [
    { name: "ACTION", arity: "required", choices: ACTIONS },
    { name: "NAME_FILE_OR_ADDRESS", arity: "any" },
  ],
  options: [
    FORCE_OPTION,
    {
      flags: ["--force-new-cluster"],
      value: "none",
      help: "restore: go on with this host's data alone; the quorum is lost",
    },
    {
      flags: ["--discard"],
      value: "none",
      help: "join: set the data aside that this host has",
    },
    {
      flags: ["--address"],
      value: "text",
      help: "replace: HOST:PORT for members, if the new host has another one",
    },
    {
      flags: ["--here"],
      value: "none",
      help: "found, join: do it without an agent; etcd goes on afterwards",
    },
    {
      flags: ["--no-restart"],
      value: "none",
      help: "migrate: whoever calls starts the agent anew, when told to",
    },
  ],
  run: async (invocation, session) => {
    const [action, ...words] = invocation.positionals;
    const known = ACTIONS.find((each) => each === action);
    if (known === undefined) {
      throw new UsageError("etcd", `No such action '${action}'.`);
    }
    if (known === "migrate") {
      return await migrate(session, only({ action: known, words }), {
        isForced: invocation.has("--force"),
        restarts: !invocation.has("--no-restart"),
      });
    }
    const etcd = await etcdSession(session);
    await act({ action: known, words, etcd, invocation });
  },
};

type Action = typeof ACTIONS[number];

interface Call {
  readonly action: Exclude<Action, "migrate">;
  readonly words: readonly string[];
  readonly etcd: EtcdSession;
  readonly invocation: Invocation;
}

async function act(call: Call): Promise<void> {
  const { action, words, etcd, invocation } = call;
  const isForced = invocation.has("--force");
  switch (action) {
    case "status":
      return await showStatus(etcd);
    case "snapshot":
      return await snapshot(etcd, words[0]);
    case "restart":
      none(call);
      return await restartMember(etcd, { isForced });
    case "remove":
      return await removeMember(etcd, only(call), { isForced });
    case "replace": {
      const address = invocation.text("--address");
      return await replaceMember(etcd, only(call), { isForced, address });
    }
    case "restore":
      return invocation.has("--force-new-cluster")
        ? await forceNewCluster(etcd, { isForced })
        : await restoreSnapshot(etcd, only(call), { isForced });
    case "found":
      return await found(etcd, { isHere: invocation.has("--here") });
    case "join": {
      const isDiscarded = invocation.has("--discard");
      const isHere = invocation.has("--here");
      return await join(etcd, words, { isDiscarded, isHere });
    }
  }
}

const WANTED: Readonly<Partial<Record<Action, string>>> = {
  restore: "the path of a snapshot, or --force-new-cluster",
  migrate: "the path of this host's configuration with the next store",
};

/** The one word behind the action. */
function only({ action, words }: {
  readonly action: Action;
  readonly words: readonly string[];
}): string {
  const [word, ...others] = words;
  if (word !== undefined && others.length === 0) return word;
  const what = WANTED[action] ?? "the name of one member";
  throw new UsageError("etcd", `${action} wants ${what}.`);
}

function none({ action, words }: Pick<Call, "action" | "words">): void {
  if (words.length === 0) return;
  throw new UsageError(
    "etcd",
    `${action} takes no name: it is for the host that it runs on.`,
  );
}

async function snapshot(
  { session, config, tools }: EtcdSession,
  path: string | undefined,
): Promise<void> {
  const file = path ?? await tools.snapshots.next();
  await tools.admin.saveSnapshot(config.managed.clientUrl, file);
  print(session, `Saved ${file}`);
}
