/** Who the members of a managed etcd are, and what each says of itself. */
import { hasQuorum } from "../../core/calc/etcd_member/quorum.ts";
import type {
  EtcdMember,
  EtcdStatus,
  EtcdView,
} from "../../core/model/etcd_member.ts";
import type { EtcdTools, ManagedEtcd } from "../context.ts";
import { CliError, messageOf } from "../errors.ts";
import type { Session } from "../session.ts";

/** What a command works with. */
export interface EtcdSession {
  readonly session: Session;
  readonly config: ManagedEtcd;
  readonly tools: EtcdTools;
}

/** A member, and its own words; null: it does not answer. */
export interface SurveyedMember extends EtcdMember {
  readonly status: EtcdStatus | null;
}

/** The whole cluster. */
export interface EtcdSurvey {
  readonly clusterId: string;
  readonly members: readonly SurveyedMember[];
  /** False: the list is what one member has, and may be old. */
  readonly hasQuorum: boolean;
}

/** @throws {CliError} If the configuration has no managed etcd. */
export async function etcdSession(session: Session): Promise<EtcdSession> {
  const config = session.settings.dcs;
  if (config.kind !== "etcd3" || config.managed === null) {
    throw new CliError(
      "etcd3.managed is not true in the configuration: the store is not " +
        "Matriarch's to look after",
    );
  }
  const managed = { ...config, managed: config.managed };
  const tools = await session.context.etcdTools(managed);
  return { session, config: managed, tools };
}

/** Client addresses, this host's first. */
export async function endpointsOf(
  { config, tools }: EtcdSession,
): Promise<readonly string[]> {
  const known = await tools.folder.knownEndpoints();
  return [...new Set([...config.endpoints, ...known])];
}

/**
 * Asks all members.
 *
 * @throws {CliError} If none answers.
 */
export async function survey(etcd: EtcdSession): Promise<EtcdSurvey> {
  const endpoints = await endpointsOf(etcd);
  const view = await viewOf(etcd, endpoints);
  const { admin } = etcd.tools;
  const members = await Promise.all(view.members.map(async (member) => {
    const [url] = member.clientUrls;
    const status = url === undefined
      ? null
      : await admin.status(url).catch(() => null);
    // Another cluster's member may answer at an address of old.
    const isIt = status?.memberId === member.id;
    return { ...member, status: isIt ? status : null };
  }));
  const alive = members.flatMap(({ id, status }) =>
    status === null ? [] : [id]
  );
  const isLed = members.some(({ status }) =>
    (status?.leaderId ?? null) !== null
  );
  return {
    clusterId: view.clusterId,
    members,
    hasQuorum: isLed && hasQuorum(members, alive),
  };
}

/** As a majority has it, else as one member has it. */
async function viewOf(
  { tools }: EtcdSession,
  endpoints: readonly string[],
): Promise<EtcdView> {
  const failures: string[] = [];
  for (const listing of ["agreed", "local"] as const) {
    for (const endpoint of endpoints) {
      try {
        return await tools.admin.members(endpoint, listing);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
  }
  throw new CliError(
    `No member of etcd answers (${endpoints.join(", ")}): ${failures.at(-1)}`,
  );
}
