/**
 * What may be asked for on the cluster page, what it would come to, and by which
 * request of which member it is done. Pure: asking and doing are others'.
 */
import { isPausedIn } from "../core/calc/documents/cluster_document.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import { memberOf } from "../core/model/cluster_view.ts";
import type { Member, MemberName } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import { rehearsal } from "../core/rehearsal.ts";

/** One wish. */
export interface WantedAction {
  readonly action:
    | "switchover"
    | "pause"
    | "resume"
    | "restart"
    | "reinitialize"
    | "flush_switchover"
    | "flush_restart";
  /** Whom it concerns; of a switchover: to whom, null: to anybody. */
  readonly member: MemberName | null;
}

/** The request that does it. */
export interface ActionCall {
  readonly member: Member;
  readonly method: "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>> | null;
}

/** What it would come to. */
export interface ActionPlan {
  /** For people. */
  readonly lines: readonly string[];
  /** Null: it cannot be done, as the lines say. */
  readonly call: ActionCall | null;
}

/** What a plan rests on. */
export interface PlanFacts {
  readonly view: ClusterView;
  readonly answers: readonly PeerAnswer[];
  /** The member that shows the page. */
  readonly self: MemberName;
}

/** The plan for a wish. */
export function actionPlan(wanted: WantedAction, facts: PlanFacts): ActionPlan {
  switch (wanted.action) {
    case "switchover":
      return switchoverPlan(wanted.member, facts);
    case "pause":
    case "resume":
      return pausePlan(wanted.action, facts);
    case "flush_switchover":
      return flushSwitchoverPlan(facts);
    case "restart":
    case "reinitialize":
    case "flush_restart":
      return memberPlan(wanted.action, wanted.member, facts);
  }
}

function cannot(...lines: readonly string[]): ActionPlan {
  return { lines, call: null };
}

function switchoverPlan(
  candidate: MemberName | null,
  facts: PlanFacts,
): ActionPlan {
  const { view, answers } = facts;
  const leader = view.leader?.name ?? null;
  const member = leader === null ? null : memberOf(view, leader);
  if (leader === null || member === null) {
    return cannot("This cluster has no leader");
  }
  if (candidate === leader) return cannot(`${leader} leads already`);
  if (candidate === null && isPaused(view)) {
    return cannot(
      "Switchover is possible only to a specific candidate in a paused state",
    );
  }
  const asked = { leader, candidate };
  const { winners, lines } = rehearsal({ view, answers, asked });
  if (winners.length === 0) {
    return cannot(
      ...lines,
      "Nobody could take over, the switchover would fail",
    );
  }
  const body = { leader, ...(candidate === null ? {} : { candidate }) };
  return {
    lines: [
      ...lines,
      "Sessions of writers end; new ones wait for the new leader",
    ],
    call: { member, method: "POST", path: "/switchover", body },
  };
}

function pausePlan(
  mode: "pause" | "resume",
  { view, self }: PlanFacts,
): ActionPlan {
  if (isPaused(view) === (mode === "pause")) {
    return cannot(`Cluster is ${mode === "pause" ? "already" : "not"} paused`);
  }
  const member = memberOf(view, self);
  if (member === null) return cannot(NO_KEY);
  const line = mode === "pause"
    ? "Maintenance mode would be on: nobody takes over by itself, also if " +
      "the leader is lost, until it is resumed"
    : "Maintenance mode would be off: members take over and repair " +
      "themselves again, at once where something is amiss";
  const body = { pause: mode === "pause" ? true : null };
  return {
    lines: [line],
    call: { member, method: "PATCH", path: "/config", body },
  };
}

const NO_KEY = "The member that shows this page has no key in the store";

function flushSwitchoverPlan({ view, self }: PlanFacts): ActionPlan {
  const { failover } = view;
  if (failover === null || failover.scheduledAt === null) {
    return cannot("No switchover is scheduled");
  }
  const member = memberOf(view, self);
  if (member === null) return cannot(NO_KEY);
  return {
    lines: [`The switchover at ${failover.scheduledAt} would be forgotten`],
    call: { member, method: "DELETE", path: "/switchover", body: null },
  };
}

function memberPlan(
  action: "restart" | "reinitialize" | "flush_restart",
  name: MemberName | null,
  { view }: PlanFacts,
): ActionPlan {
  const member = name === null ? null : memberOf(view, name);
  if (member === null) return cannot("There is no such member");
  if (member.apiUrl === null) {
    return cannot(`${member.name} has published no address to ask`);
  }
  const isLeader = member.name === view.leader?.name;
  switch (action) {
    case "restart":
      return {
        lines: restartLines(member, isLeader),
        call: { member, method: "POST", path: "/restart", body: {} },
      };
    case "flush_restart":
      return member.scheduledRestart === null
        ? cannot(`No restart of ${member.name} is scheduled`)
        : {
          lines: [`The scheduled restart of ${member.name} would be forgotten`],
          call: { member, method: "DELETE", path: "/restart", body: null },
        };
    case "reinitialize":
      if (view.leader === null) {
        return cannot("Cluster has no leader, can not reinitialize");
      }
      return isLeader
        ? cannot(`${member.name} leads and cannot be made anew`)
        : {
          lines: [
            `The data of ${member.name} would be thrown away and copied anew; ` +
            "until then it cannot take over",
          ],
          call: {
            member,
            method: "POST",
            path: "/reinitialize",
            body: { force: true },
          },
        };
  }
}

function restartLines(member: Member, isLeader: boolean): readonly string[] {
  const { name } = member;
  const pending = Object.keys(member.pendingRestart ?? {});
  return [
    `PostgreSQL of ${name} would restart; its sessions end`,
    ...(isLeader
      ? ["It leads: writers wait until it is back, or another one leads"]
      : []),
    ...(pending.length === 0 ? [] : [`Waiting for it: ${pending.join(", ")}`]),
  ];
}

function isPaused({ config }: ClusterView): boolean {
  return isPausedIn(config?.document ?? {});
}
