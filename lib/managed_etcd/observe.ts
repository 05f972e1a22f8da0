/** Looks at the member of etcd on this host. What does not answer is null. */
import type {
  EtcdObservation,
  EtcdStatus,
  EtcdView,
} from "../core/model/etcd_member.ts";
import type { EtcdOrder } from "../core/model/etcd_order.ts";
import type {
  EtcdAdmin,
  EtcdFolder,
  EtcdListing,
  EtcdProcess,
} from "../ports/etcd_member.ts";

/** What the supervision works with. */
export interface EtcdParts {
  readonly self: {
    readonly name: string;
    readonly peerUrl: string;
    readonly clientUrl: string;
    /** Further members that the configuration names. */
    readonly endpoints: readonly string[];
  };
  readonly admin: EtcdAdmin;
  readonly process: EtcdProcess;
  readonly folder: EtcdFolder;
}

/** One look. */
export async function observeEtcd(
  parts: EtcdParts,
  { mayStart, isForced }: Pick<EtcdObservation, "mayStart" | "isForced">,
): Promise<EtcdObservation> {
  const { self, admin, process, folder } = parts;
  const order = await folder.order();
  const isRunning = await process.running() !== null;
  const own = isRunning ? await ownStatus(parts) : null;
  const others = await othersOf(parts, order);
  // Who is to join asks those that it was told of, whoever it seems to be now;
  // who has no leader knows of no majority (etcd 3.4 answers all the same).
  const isAlone = order?.kind === "join" || (own?.leaderId ?? null) === null;
  const asked = isAlone ? others : [self.clientUrl, ...others];
  const agreed = await firstView(admin, asked, "agreed");
  const isLocalWanted = own !== null && order?.kind === "force";
  return {
    order,
    self: { name: self.name, peerUrl: self.peerUrl },
    hasData: await folder.hasData(),
    isRunning,
    isForced,
    mayStart,
    own,
    local: isLocalWanted
      ? await firstView(admin, [self.clientUrl], "local")
      : null,
    agreed,
    alive: own?.isLearner === true && agreed !== null
      ? await aliveOf(admin, agreed)
      : [],
  };
}

/** Client addresses of other members, those of the order first. */
export async function othersOf(
  { self, folder }: Pick<EtcdParts, "self" | "folder">,
  order: EtcdOrder | null,
): Promise<readonly string[]> {
  const ordered = order?.kind === "join" || order?.kind === "rejoin"
    ? order.through
    : order?.kind === "found"
    ? order.members.map(({ clientUrl }) => clientUrl)
    : [];
  const known = await folder.knownEndpoints();
  return [...new Set([...ordered, ...known, ...self.endpoints])]
    .filter((endpoint) => endpoint !== self.clientUrl);
}

/** Ids of the members that answer for themselves. */
export async function aliveOf(
  admin: Pick<EtcdAdmin, "status">,
  { members }: EtcdView,
): Promise<readonly string[]> {
  const answers = await Promise.all(
    members.flatMap(({ clientUrls }) => clientUrls)
      .map((url) => admin.status(url).catch(() => null)),
  );
  return answers.flatMap((answer) => answer === null ? [] : [answer.memberId]);
}

/** At its address another program may answer, which is no answer of its. */
async function ownStatus(
  { self, admin }: EtcdParts,
): Promise<EtcdStatus | null> {
  return await admin.status(self.clientUrl).catch(() => null);
}

async function firstView(
  admin: EtcdAdmin,
  endpoints: readonly string[],
  listing: EtcdListing,
): Promise<EtcdView | null> {
  for (const endpoint of endpoints) {
    const view = await admin.members(endpoint, listing).catch(() => null);
    if (view !== null) return view;
  }
  return null;
}
