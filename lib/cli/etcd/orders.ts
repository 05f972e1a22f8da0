/**
 * Commands that the agent of this host carries out: they write its order and wait
 * until it is done.
 */
import { newestOf } from "../../core/calc/etcd_member/quorum.ts";
import type { EtcdOrder } from "../../core/model/etcd_order.ts";
import { formatHostPort, parseHostPort } from "../../config/addresses.ts";
import type { Log } from "../../ports/log.ts";
import { CliError } from "../errors.ts";
import { agree } from "../prompts.ts";
import { print, type Session } from "../session.ts";
import { type EtcdSession, type EtcdSurvey, survey } from "./survey.ts";

const CLIENT_PORT = 2379;
const LOOK_MS = 500;
/** A start, and an election. */
const WAIT_MS_MAX = 120_000;

const FORCED = "The members that are lost must never come back with their " +
  "data: they would be a second store, and a second PostgreSQL would lead. " +
  "Writes that this member has not seen are lost, and perhaps the very last " +
  "one that it has: among them may be the last leader, the last synchronous " +
  "members and the last change of the configuration. Let PostgreSQL's primary " +
  "run meanwhile; if two of them do, stop the one that must not. Other hosts " +
  "that still have data of the store join anew afterwards, with `matriarch " +
  "etcd join ADDRESS --discard`.";

const UNKNOWN =
  "No member answers: one that was started without a quorum does " +
  "not. So nobody can tell whose data are the newest; if other hosts still have " +
  "theirs, run this on the one whose member ran last.";

const RESTORED = "Everything in the store since that snapshot is lost: the " +
  "last leader, the last synchronous members, changes of the configuration. " +
  "The members of now must not go on: have each of the other hosts join anew " +
  "with `matriarch etcd join ADDRESS --discard`.";

/** Who carries an order out. */
export interface Bearer {
  /** This command, because no agent has this configuration yet; it may be given again. */
  readonly isHere: boolean;
}

/** A new cluster of this host alone. */
export async function found(
  etcd: EtcdSession,
  bearer: Bearer,
): Promise<void> {
  const { name, peerUrl, clientUrl } = etcd.config.managed;
  if (bearer.isHere && await isOrdered(etcd)) return await keepUp(etcd);
  await refuseMember(etcd);
  const members = [{ name, peerUrl, clientUrl }];
  const order = { kind: "found", members } as const;
  await give(etcd, order, { done: "founded a cluster", ...bearer });
}

/**
 * Has this host join a cluster.
 *
 * @param isDiscarded Data that are there are set aside, else they are a reason to refuse.
 */
export async function join(
  etcd: EtcdSession,
  addresses: readonly string[],
  { isDiscarded, isHere }: Bearer & { readonly isDiscarded: boolean },
): Promise<void> {
  const scheme = etcd.config.managed.serverTls === null ? "http" : "https";
  const through = addresses.map((text) => {
    const address = parseHostPort(text, CLIENT_PORT);
    if (address === null) {
      throw new CliError(`Wanted HOST[:PORT] of a member, got ${text}`);
    }
    return `${scheme}://${formatHostPort(address)}`;
  });
  if (through.length === 0) {
    throw new CliError("Whose cluster? Give the address of one of its members");
  }
  if (isHere && !isDiscarded && await isOrdered(etcd)) {
    return await keepUp(etcd);
  }
  if (!isDiscarded) await refuseMember(etcd);
  const kind = isDiscarded ? "rejoin" : "join";
  const done = "is a member of the cluster";
  await give(etcd, { kind, through }, { done, isHere });
}

/** Goes on with this member's data alone. */
export async function forceNewCluster(
  etcd: EtcdSession,
  { isForced }: { readonly isForced: boolean },
): Promise<void> {
  const seen = await survey(etcd).catch(() => null);
  if (seen === null) print(etcd.session, UNKNOWN);
  else checkNewest(seen, etcd.config.managed.name);
  print(etcd.session, FORCED);
  const { name } = etcd.config.managed;
  await agree(
    etcd.session.context,
    `Make ${name} the only member of etcd?`,
    isForced,
  );
  const done = "goes on as the only member";
  await give(etcd, { kind: "force" }, { done, isHere: false });
}

/** @throws {CliError} If nothing is lost, or another member knows more. */
function checkNewest({ hasQuorum, members }: EtcdSurvey, name: string): void {
  if (hasQuorum) {
    throw new CliError(
      "etcd has its quorum: nothing has to be forced. For a lost member, " +
        "`matriarch etcd replace NAME`",
    );
  }
  const newest = newestOf(members.flatMap(({ status }) => status ?? []));
  const best = members.find(({ id }) => id === newest?.memberId);
  const own = members.find((one) => one.name === name);
  const isAsNew = own?.status?.raftIndex === newest?.raftIndex &&
    own?.status?.raftTerm === newest?.raftTerm;
  if (own === undefined || best === undefined || !isAsNew) {
    throw new CliError(
      `This host's data are not the newest: run this on ${best?.name ?? "it"}`,
    );
  }
}

/** Begins anew with the data of a snapshot. */
export async function restoreSnapshot(
  etcd: EtcdSession,
  path: string,
  { isForced }: { readonly isForced: boolean },
): Promise<void> {
  if (!path.startsWith("/")) {
    throw new CliError("Give the whole path of the snapshot, from /");
  }
  print(etcd.session, RESTORED);
  await agree(
    etcd.session.context,
    `Replace the store's data by ${path}?`,
    isForced,
  );
  const done = "runs with the snapshot's data, as the only member";
  await give(etcd, { kind: "restore", snapshot: path }, {
    ...{ done, isHere: false },
  });
}

/** A member does not become another by mistake. */
async function refuseMember({ config, tools }: EtcdSession): Promise<void> {
  const order = await tools.folder.order();
  if (order === null) return;
  throw new CliError(
    `${config.managed.dataDir} already has an order (${order.kind}); whoever ` +
      "means to give up its data says `matriarch etcd join ADDRESS --discard`",
  );
}

async function isOrdered({ tools }: EtcdSession): Promise<boolean> {
  return await tools.folder.order() !== null;
}

async function give(
  etcd: EtcdSession,
  order: EtcdOrder,
  { done, isHere }: Bearer & { readonly done: string },
): Promise<void> {
  const { session, config, tools } = etcd;
  await tools.folder.setOrder(order);
  if (isHere) await keepUp(etcd);
  else await untilCarriedOut(etcd);
  print(session, `${config.managed.name} ${done}`);
}

async function untilCarriedOut({ session, tools }: EtcdSession): Promise<void> {
  print(session, "The agent of this host has its order; waiting for it");
  const isDone = async () => (await tools.folder.order())?.kind === "member";
  if (await becomes(session, isDone)) return;
  throw new CliError(
    "The agent has not done it within two minutes; it goes on trying if it " +
      "runs. Its log says what it waits for",
  );
}

/** As an agent would, until the member runs and has a leader; then it goes on alone. */
async function keepUp({ session, config, tools }: EtcdSession): Promise<void> {
  const { clientUrl, name } = config.managed;
  const isUp = async (): Promise<boolean> => {
    const isMember = (await tools.folder.order())?.kind === "member";
    const status = await tools.admin.status(clientUrl).catch(() => null);
    return isMember && (status?.leaderId ?? null) !== null;
  };
  const end = new AbortController();
  const kept = tools.keep(logOf(session), end.signal);
  try {
    if (await becomes(session, isUp)) {
      return print(session, `${name} runs, and goes on without this command`);
    }
  } finally {
    end.abort();
    await kept;
  }
  throw new CliError(
    "It has not come up within two minutes; what it waits " +
      "for stands above. Give the same command again",
  );
}

async function becomes(
  { context: { clock } }: Session,
  is: () => Promise<boolean>,
): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += LOOK_MS) {
    if (await is()) return true;
    await clock.sleep(LOOK_MS);
  }
  return false;
}

function logOf(session: Session): Log {
  const say = (text: string) => print(session, text);
  const none = () => {};
  return { debug: none, info: say, warning: say, error: say, critical: say };
}
