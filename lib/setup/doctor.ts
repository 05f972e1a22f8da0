/**
 * What is unhealthy on a member's host and in its cluster: one sentence and one
 * remedy each. Pure; `doctor` gathers the facts and prints what comes out.
 */
import type { OwnObstacle } from "../core/calc/takeover/own_obstacles.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { HostFacts } from "../ports/setup.ts";
import { votersAdvice } from "../core/calc/etcd_member/quorum.ts";
import type { EtcdMember } from "../core/model/etcd_member.ts";
import { type AuthorityRecord, witnessesOf } from "./authority_record.ts";
import { type FencingFacts, fencingFindings } from "./fencing_findings.ts";
import type { Finding } from "./finding.ts";

/** What the judgement rests on. */
export interface DoctorFacts {
  readonly self: string;
  readonly nowMs: number;
  readonly host: HostFacts;
  /** Null: the store does not answer; `storeProblem` says why. */
  readonly view: ClusterView | null;
  readonly storeProblem: string | null;
  readonly record: AuthorityRecord | null;
  /** Until when this host's certificate counts; null: it has none of its own. */
  readonly certificateUntilMs: number | null;
  /** How members' REST APIs answered, by their names. */
  readonly answers: Readonly<Record<string, MemberAnswer>>;
  /** Members of the store, if the hosts run it themselves; null: they do not, or none answers. */
  readonly voters: readonly Voter[] | null;
  /** What this host's etcd was started with that the file says otherwise now. */
  readonly etcdDifferences: readonly string[];
  /** Of a witness: whether its proxy runs (null: nobody may say); null: this host is none. */
  readonly witness: { readonly isServed: boolean | null } | null;
  /** What members say of themselves that keeps them from a takeover. */
  readonly own: readonly OwnObstacle[];
  /** Null: this host's member has no fencing command. */
  readonly fencing: FencingFacts | null;
}

/** A member of the store. */
export interface Voter extends EtcdMember {
  readonly isRunning: boolean;
}

/** One member's REST API. */
export type MemberAnswer =
  | { readonly kind: "answered"; readonly wallTimeMs: number | null }
  | { readonly kind: "silent"; readonly why: string };

const MIB = 1024 * 1024;
const FREE_BYTES_MIN = 512 * MIB;
const FREE_BYTES_FEW = 4_096 * MIB;
const DAY_MS = 86_400_000;
/** A sixth of the time is left: the agent has tried to renew for weeks. */
const EXPIRES_SOON_MS = 30 * DAY_MS;
const CLOCK_OFF_MS_MAX = 10_000;

/** Everything that is unhealthy, the critical first. */
export function diagnose(facts: DoctorFacts): readonly Finding[] {
  const findings = [
    ...storeFindings(facts),
    ...(facts.view === null ? [] : clusterFindings(facts.view)),
    ...voterFindings(facts),
    ...settingFindings(facts),
    ...witnessFindings(facts),
    ...answerFindings(facts),
    ...ownFindings(facts),
    ...fencingFindings(facts.fencing, facts.view),
    ...certificateFindings(facts),
    ...hostFindings(facts),
  ];
  return findings.toSorted((a, b) => rank(a) - rank(b));
}

function rank({ level }: Finding): number {
  return level === "critical" ? 0 : 1;
}

function storeFindings(
  { view, storeProblem }: DoctorFacts,
): readonly Finding[] {
  if (view !== null) return [];
  return [critical(
    `The store does not answer: ${storeProblem ?? "no reason is known"}`,
    "look at the store's servers and at the network to them",
  )];
}

function clusterFindings(view: ClusterView): readonly Finding[] {
  const { members, leader } = view;
  const isLed = leader !== null &&
    members.some(({ name }) => name === leader.name);
  const stopped = members.filter(({ state }) => state !== "running");
  const replicas = members.filter(({ name }) => name !== leader?.name);
  return [
    ...(isLed ? [] : [critical(
      "The cluster has no leader",
      "matriarch explain says what keeps each member from leading",
    )]),
    ...stopped.map(({ name, state }) =>
      warning(
        `PostgreSQL of ${name} is ${state ?? "in an unknown state"}`,
        `look at the log of ${name}, or matriarch reinit for a lost replica`,
      )
    ),
    ...(replicas.length > 0 ? [] : [critical(
      "There is no replica: the loss of the leader's host ends the cluster",
      "matriarch token create, and matriarch join on another host",
    )]),
  ];
}

function voterFindings({ voters, record }: DoctorFacts): readonly Finding[] {
  if (voters === null) return [];
  const witnesses = witnessesOf(record);
  const silent = voters.filter((one) => !one.isRunning && one.name !== "");
  const advice = votersAdvice(voters);
  return [
    ...silent.map(({ name }) => {
      const who = witnesses.includes(name) ? `${name}, a witness,` : name;
      return warning(
        `The member of etcd on ${who} does not answer`,
        "start matriarch there; if that host is lost for good, matriarch " +
          `remove-host ${name}, and join another one`,
      );
    }),
    ...(advice === null ? [] : [warning(
      advice.split(":")[0] ?? advice,
      "matriarch token create, and matriarch join on one more host, or join " +
        "--witness on one without PostgreSQL",
    )]),
  ];
}

function settingFindings(
  { etcdDifferences }: DoctorFacts,
): readonly Finding[] {
  return etcdDifferences.length === 0 ? [] : [warning(
    `etcd on this host runs with ${etcdDifferences.join(", ")}`,
    "systemctl restart matriarch, then matriarch etcd restart, one host after " +
      "the other",
  )];
}

function witnessFindings({ witness }: DoctorFacts): readonly Finding[] {
  if (witness?.isServed !== false) return [];
  return [critical(
    "Matriarch does not run on this witness: no client gets through its ports",
    "systemctl start matriarch; its log says why it ended",
  )];
}

function ownFindings({ own }: DoctorFacts): readonly Finding[] {
  return own.flatMap(({ code, member }): readonly Finding[] => {
    switch (code) {
      case "pledges_refused":
        return [critical(
          `The store refuses the key pledges/${member}: ${member} cannot ` +
            "pledge, nor follow while it may have pledged before",
          "allow its user of the store to write below pledges/ as below " +
            "members/",
        )];
      case "leader_unheard":
        return [warning(
          `${member} has not heard the leader's agent since the leader began, ` +
            "so it would not notice that the leader is lost",
          `open the leader's REST port for ${member}; look at both logs`,
        )];
      // Ends by itself within one ttl.
      case "consent_may_stand":
        return [];
    }
  });
}

function answerFindings(
  { answers, nowMs }: DoctorFacts,
): readonly Finding[] {
  return Object.entries(answers).flatMap(([name, answer]) => {
    if (answer.kind === "silent") {
      return [warning(
        `The REST API of ${name} does not answer: ${answer.why}`,
        `look whether matriarch runs there, and at the network to it`,
      )];
    }
    const offMs = answer.wallTimeMs === null ? 0 : answer.wallTimeMs - nowMs;
    if (Math.abs(offMs) <= CLOCK_OFF_MS_MAX) return [];
    const way = offMs > 0 ? "ahead of" : "behind";
    return [warning(
      `The clock of ${name} is ${
        Math.round(Math.abs(offMs) / 1000)
      } s ${way} this host's`,
      "keep all clocks right by chrony or systemd-timesyncd",
    )];
  });
}

function certificateFindings(
  { certificateUntilMs: untilMs, nowMs, record, self }: DoctorFacts,
): readonly Finding[] {
  if (untilMs === null) return [];
  const days = Math.floor((untilMs - nowMs) / DAY_MS);
  const findings: Finding[] = [];
  if (untilMs <= nowMs) {
    findings.push(critical(
      "The certificate of this host has expired: no member believes it",
      "on a member matriarch token create --renew, here matriarch join --renew TOKEN",
    ));
  } else if (untilMs - nowMs < EXPIRES_SOON_MS) {
    findings.push(warning(
      `The certificate of this host counts for ${days} more days and was not renewed`,
      "matriarch certs renew says why",
    ));
  }
  if (record?.removed.includes(self)) {
    findings.push(critical(
      "This host was taken out of the cluster",
      "matriarch leave, and join again with a new token",
    ));
  }
  if (record?.next !== null && record?.next !== undefined) {
    findings.push(warning(
      `A rotation of the authority has begun on ${record.next.holder}`,
      "matriarch certs rotate --finish there",
    ));
  }
  return findings;
}

function hostFindings(
  { host, witness }: DoctorFacts,
): readonly Finding[] {
  const { freeBytes, isClockKept, hasWatchdog } = host;
  const free = freeBytes === null || freeBytes >= FREE_BYTES_FEW ? [] : [{
    level: freeBytes < FREE_BYTES_MIN
      ? "critical" as const
      : "warning" as const,
    sentence: `Only ${Math.floor(freeBytes / MIB)} MiB are free for the data`,
    remedy: "make room, or give it a larger disk",
  }];
  return [
    ...free,
    ...(isClockKept === false
      ? [warning(
        "Nothing keeps the clock of this host right",
        "install chrony or systemd-timesyncd",
      )]
      : []),
    // A witness has nothing for which it should be reset.
    ...(hasWatchdog || witness !== null ? [] : [warning(
      "There is no watchdog device: a frozen host is not reset",
      "load a driver such as softdog (docs/safety.md)",
    )]),
  ];
}

function critical(sentence: string, remedy: string): Finding {
  return { level: "critical", sentence, remedy };
}

function warning(sentence: string, remedy: string): Finding {
  return { level: "warning", sentence, remedy };
}
