/** One look at a simulated instance, in the model's words. */
import type { TimelineSwitch } from "../../../lib/core/base/timeline_history.ts";
import { type Lsn, lsn } from "../../../lib/core/base/units.ts";
import type {
  LocalEnd,
  PeerAnswer,
  UpstreamView,
} from "../../../lib/core/model/peer_view.ts";
import {
  type ControlData,
  ownPosition,
  type PostgresView,
  type SlotView,
  type UpstreamAddress,
  type WalSender,
} from "../../../lib/core/model/postgres_view.ts";
import {
  control,
  member,
  primary,
  replica,
  sender,
} from "../../helpers/builders.ts";
import { parseStandbys } from "../../../lib/core/calc/sync/standby_names.ts";
import { NO_TAGS } from "../../../lib/core/model/member.ts";
import { REMOTE } from "../../../lib/core/model/standby_cluster.ts";
import { parseConnUrl } from "../../../lib/core/codec/conn_url.ts";
import type { Data, Instance } from "./instance.ts";
import { SLOT } from "./logical_slots.ts";
import { REMOTE_ADDRESS } from "./remote.ts";
import { historyOf } from "./wal.ts";
import type { World } from "./world.ts";

/** What a primary with more connections than this replica does to it. */
const BLOCKED = {
  isReplayPaused: true,
  pendingRestart: { max_connections: { oldValue: "100", newValue: "200" } },
} as const;

/** What the agent would see now. */
export function lookAt(instance: Instance): PostgresView {
  const { data, run } = instance;
  if (data === null) {
    return instance.half === null
      ? { kind: "empty" }
      : { kind: "unusable", problem: instance.half, detail: "unfinished" };
  }
  const { isStandby } = data;
  const shared = { control: controlOf(data), isStandby };
  const postmasterPid = instance.pid;
  if (run === "down") return { kind: "stopped", ...shared };
  if (run !== "running") return { kind: "starting", ...shared, postmasterPid };
  if (instance.isHung) {
    const detail = "no answer";
    return {
      kind: "unresponsive",
      control: shared.control,
      postmasterPid,
      detail,
    };
  }
  return runningView(instance, data);
}

function runningView(instance: Instance, data: Data): PostgresView {
  const { replication } = instance;
  const here = lsn(data.point.lsn);
  const facts = {
    systemId: data.systemId,
    timeline: data.point.branch.timeline,
    postmasterPid: instance.pid,
    synchronousStandbyNames: replication.shownText,
    areStandbysManaged: replication.areNamesManaged,
    namesInForceLsn: replication.inForceAt === null
      ? null
      : lsn(replication.inForceAt),
    walSenders: sendersOf(instance),
    slots: slotsOf(instance),
  };
  if (!data.isStandby) {
    const { checkpointTimeline } = data;
    return primary({ ...facts, flushedLsn: here, checkpointTimeline });
  }
  return replica({
    ...facts,
    ...(instance.isReplayBlocked ? BLOCKED : {}),
    receivedLsn: here,
    replayedLsn: here,
    isStreaming: replication.isStreaming,
    upstreamLsn: null,
    upstream: addressOf(replication.upstream),
  });
}

function slotsOf(instance: Instance): readonly SlotView[] {
  return [...instance.slots].map(([name, confirmed]) => ({
    name,
    type: "logical",
    isActive: false,
    restartLsn: lsn(confirmed),
    confirmedFlushLsn: lsn(confirmed),
    xmin: null,
    catalogXmin: "700",
    database: SLOT.database,
    plugin: SLOT.plugin,
    walStatus: "reserved",
    isNeverSynced: false,
  }));
}

function addressOf(name: string | null): UpstreamAddress | null {
  if (name === REMOTE) return REMOTE_ADDRESS;
  return name === null ? null : parseConnUrl(member(name).connUrl ?? "");
}

function sendersOf(instance: Instance): readonly WalSender[] {
  const { senders, shownText: namesText } = instance.replication;
  const { names } = parseStandbys(namesText);
  const [first] = senders.keys();
  return [...senders].map(([name, { flushedLsn }]) => {
    const here = lsn(flushedLsn);
    return sender(name, {
      syncState: syncStateOf(namesText, {
        isListed: names.includes(name),
        isFirst: name === first,
      }),
      writtenLsn: here,
      flushedLsn: here,
      replayedLsn: here,
    });
  });
}

function syncStateOf(
  text: string,
  sender: { readonly isListed: boolean; readonly isFirst: boolean },
): WalSender["syncState"] {
  const isAny = text.startsWith("ANY");
  if (text.includes("*")) {
    return isAny ? "quorum" : sender.isFirst ? "sync" : "potential";
  }
  if (!sender.isListed) return "async";
  return isAny ? "quorum" : "sync";
}

function controlOf(data: Data): ControlData {
  const here: Lsn = lsn(data.point.lsn);
  return control({
    systemId: data.systemId,
    state: data.control,
    timeline: data.point.branch.timeline,
    checkpointLsn: here,
    minRecoveryEndLsn: data.isStandby ? here : null,
  });
}

/** Where the local WAL ends, and how we know. */
function localEndOf(instance: Instance): LocalEnd | null {
  const { data } = instance;
  if (data === null) return null;
  const kind = data.control === "shut down"
    ? "primary_shutdown"
    : data.control === "in production"
    ? "primary_crash"
    : "replica";
  const { branch, lsn: end } = data.point;
  const history = branch.parent === null ? null : switchesOf(data);
  return { timeline: branch.timeline, endLsn: lsn(end), kind, history };
}

function switchesOf({ point }: Data): readonly TimelineSwitch[] {
  return historyOf(point.branch).map((line) => ({
    timeline: line.timeline,
    switchpoint: lsn(line.lsn),
    reason: "promoted",
  }));
}

/** What `asked` answers to `asker` about its history. */
export function upstreamAnswer(
  asker: Instance,
  asked: Instance | null,
): UpstreamView {
  const data = asked?.data ?? null;
  const isAnswering = asked !== null && asked.run === "running" &&
    !asked.isHung;
  if (!isAnswering || data === null) {
    return { kind: "silent", detail: "no answer" };
  }
  return {
    kind: "answered",
    isInRecovery: data.isStandby,
    systemId: data.systemId,
    timeline: data.point.branch.timeline,
    endLsn: lsn(data.point.lsn),
    history: switchesOf(data),
    localEnd: localEndOf(asker),
  };
}

/** What the status page of member `name` answers to `asker` now; null: nothing. */
export function peerAnswer(
  world: World,
  asker: string,
  name: string,
): PeerAnswer | null {
  const site = world.site(name);
  if (site === null || !site.host.isAwake) return null;
  if (!world.isLinkOpen(asker, name)) return null;
  const view = lookAt(site.instance);
  const running = view.kind === "running" ? view : null;
  const tags = world.plan.tags.get(name) ?? NO_TAGS;
  return {
    kind: "answered",
    name,
    isInRecovery: running?.role !== "primary",
    position: running === null ? null : ownPosition(running),
    timeline: running?.timeline ?? null,
    isNofailover: tags.isNofailover,
    failoverPriority: tags.failoverPriority,
    hasWatchdogFailed: false,
    endedReceivers: [],
  };
}
