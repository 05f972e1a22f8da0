/** What a fast agent writes after each cycle; the mirror of `lib/agent/publish.ts`. */
import { isFresh } from "../../../lib/core/model/lease_view.ts";
import { lsn } from "../../../lib/core/base/units.ts";
import { isHistoryStale } from "../../../lib/core/calc/documents/history.ts";
import {
  isCheckpointPending,
  publicationOf,
} from "../../../lib/core/calc/documents/publication.ts";
import type { Member } from "../../../lib/core/model/member.ts";
import type { Observation } from "../../../lib/core/model/observation.ts";
import { member } from "../../helpers/builders.ts";
import { historyOf } from "../world/wal.ts";
import type { FastAgent } from "./agent.ts";
import type { Process } from "./process.ts";

/** Writes the member key, and as leader status and history. */
export function* publish(agent: FastAgent, seen: Observation): Process<void> {
  const { dcs } = seen;
  if (dcs.kind !== "reachable") return;
  const limitMs = (): number => Math.min(3_000, agent.budgetMs());
  const id = isFresh(seen.lease) && agent.leases.id !== null
    ? agent.leases.id
    : yield* agent.leases.keepMember(limitMs());
  if (id === null) return;
  const o = { ...seen, task: agent.tasks.view, memory: agent.memory };
  const publication = memberOf(o);
  const touched = yield* agent.call(
    (store) => store.putMember(publication, id),
    limitMs(),
  );
  if (touched === null) return;
  const isLeader = dcs.view.leader?.name === agent.self;
  const { postgres } = o;
  if (!isLeader || postgres.kind !== "running") return;
  if (postgres.role !== "primary") return;
  const position = Number(postgres.flushedLsn);
  const written = yield* agent.call(
    (store) => store.putStatus(position),
    limitMs(),
  );
  if (written === null) return;
  const { instance } = agent.site;
  if (isHistoryStale(dcs.view.history, postgres.timeline)) {
    const branch = instance.data?.point.branch ?? null;
    const lines = branch === null ? [] : historyOf(branch).map((line) => ({
      timeline: line.timeline,
      switchpoint: lsn(line.lsn),
      reason: "promoted",
      timestamp: null,
      newLeader: agent.self,
    }));
    yield* agent.call((store) => store.putHistory(lines), limitMs());
  }
  if (isCheckpointPending(o) && !agent.isCheckpointing) {
    agent.isCheckpointing = true;
    const enter = agent.site.host.entrance;
    instance.checkpoint(() =>
      enter(() => {
        agent.isCheckpointing = false;
        agent.wake();
      })
    );
  }
}

function memberOf(o: Observation): Member {
  const named = member(o.self);
  const identity = {
    connUrl: named.connUrl ?? "",
    apiUrl: named.apiUrl ?? "",
    version: "4.1.4",
    proxyUrl: null,
    doors: null,
  };
  const publication = publicationOf(o, identity);
  return { ...named, ...publication, tags: o.tags };
}
