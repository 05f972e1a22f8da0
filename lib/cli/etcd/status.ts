/** `etcd status`: the members of the store, as a table and in sentences. */
import {
  newestOf,
  quorumOf,
  votersAdvice,
} from "../../core/calc/etcd_member/quorum.ts";
import { ExitError } from "../errors.ts";
import { print, printBlock } from "../session.ts";
import { type Column, drawTable } from "../table.ts";
import {
  type EtcdSession,
  type EtcdSurvey,
  survey,
  type SurveyedMember,
} from "./survey.ts";

const COLUMNS: readonly Column[] = [
  { title: "Member", align: "left" },
  { title: "Address", align: "left" },
  { title: "Role", align: "left" },
  { title: "State", align: "left" },
  { title: "Version", align: "left" },
  { title: "Data in MB", align: "right" },
  { title: "Term", align: "right" },
  { title: "Index", align: "right" },
];

/** @throws {ExitError} With 1 if there is no quorum: monitoring asks for it. */
export async function showStatus(etcd: EtcdSession): Promise<void> {
  const seen = await survey(etcd);
  printBlock(etcd.session, statusTable(seen));
  for (const line of adviceOf(seen)) print(etcd.session, line);
  if (!seen.hasQuorum) throw new ExitError(1);
}

/** The table of members. */
export function statusTable({ clusterId, members }: EtcdSurvey): string {
  const leader = members.flatMap(({ status }) => status?.leaderId ?? [])[0];
  return drawTable({
    title: `etcd cluster ${BigInt(clusterId).toString(16)}`,
    columns: COLUMNS,
    rows: members.map((one) => [
      one.name || "-",
      one.clientUrls[0] ?? one.peerUrl,
      roleOf(one, leader),
      one.status !== null ? "running" : one.name === "" ? "awaited" : "silent",
      one.status?.version ?? "",
      one.status === null ? "" : (one.status.dbBytes / 2 ** 20).toFixed(1),
      String(one.status?.raftTerm ?? ""),
      String(one.status?.raftIndex ?? ""),
    ]),
  });
}

/** What an operator should know, in sentences. */
export function adviceOf(
  { members, hasQuorum }: EtcdSurvey,
): readonly string[] {
  const voters = members.filter(({ isLearner }) => !isLearner);
  const silent = voters.filter(({ status }) => status === null);
  const advice = votersAdvice(members);
  const newest = newestOf(members.flatMap(({ status }) => status ?? []));
  const name = members.find(({ id }) => id === newest?.memberId)?.name;
  const lost = `The quorum is lost: ${voters.length - silent.length} of ` +
    `${voters.length} voting members answer, ${quorumOf(voters.length)} are ` +
    `needed. Bring the others back; if they are lost for good, run ` +
    `\`matriarch etcd restore --force-new-cluster\` on ${name}, whose data go ` +
    "furthest";
  return [
    ...(hasQuorum ? [] : [lost]),
    ...(hasQuorum
      ? silent.map(({ name }) =>
        `${name} does not answer; if its host is lost for good, run ` +
        `\`matriarch etcd replace ${name}\``
      )
      : []),
    ...(advice === null ? [] : [`Advice: ${advice}`]),
  ];
}

function roleOf(one: SurveyedMember, leader: string | undefined): string {
  if (one.isLearner) return "learner";
  return one.id === leader ? "leader" : "voter";
}
