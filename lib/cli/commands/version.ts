/** `version`: of this program, and of the members of a cluster. */
import { asObject, parseJsonObject } from "../../core/codec/json.ts";
import type { Member } from "../../core/model/member.ts";
import { callMember } from "../api_client.ts";
import type { CliContext } from "../context.ts";
import {
  CLUSTER_ARGUMENT,
  GROUP_OPTION,
  MEMBERS_ARGUMENT,
  type OfflineCommand,
} from "../definition.ts";
import { messageOf } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { print, type Session, withCluster } from "../session.ts";
import { loadSettings } from "../settings.ts";

/** From here on PostgreSQL's version has two parts, before it had three. */
const TWO_PART_VERSION = 100_000;

/** `version`. */
export const VERSION_COMMAND: OfflineCommand = {
  name: "version",
  summary: "Show the version of this program, and of a cluster's members",
  arguments: [CLUSTER_ARGUMENT, MEMBERS_ARGUMENT],
  options: [GROUP_OPTION],
  runOffline: async (invocation, { context, globals }) => {
    context.terminal.write(`${ownVersionText(context)}\n`);
    if (invocation.positionals.length === 0) return;
    const settings = await loadSettings(context, globals);
    await showMembers(invocation, { context, settings });
  },
};

async function showMembers(
  invocation: Invocation,
  session: Session,
): Promise<void> {
  print(session, "");
  const wanted = invocation.positionals.slice(1);
  const view = await withCluster(
    session,
    invocation,
    (scope) => scope.read(),
  );
  for (const member of view.members) {
    const isWanted = wanted.length === 0 || wanted.includes(member.name);
    if (isWanted && member.apiUrl !== null) {
      print(session, `${member.name}: ${await versionText(session, member)}`);
    }
  }
}

/** Under Patroni's name scripts expect Patroni's version. */
function ownVersionText(
  { programName, version, ownVersion }: CliContext,
): string {
  return programName === "patronictl"
    ? `${programName} version ${version}`
    : `${programName} version ${ownVersion} (Patroni ${version})`;
}

async function versionText(session: Session, member: Member): Promise<string> {
  try {
    const call = { method: "GET", path: "/patroni" } as const;
    const { body } = await callMember(session, member, call);
    const document = parseJsonObject(body);
    const version = asObject(document?.["patroni"])?.["version"];
    if (typeof version !== "string") {
      throw new Error("no version in its answer");
    }
    const server = document?.["server_version"];
    const postgres = typeof server === "number"
      ? ` PostgreSQL ${postgresVersion(server)}`
      : "";
    return `Patroni ${version}${postgres}`;
  } catch (error) {
    return `failed to get version: ${messageOf(error)}`;
  }
}

/** 160004 is 16.4, 90624 is 9.6.24. */
function postgresVersion(version: number): string {
  const major = Math.floor(version / 10_000);
  const minor = version % 10_000;
  return version >= TWO_PART_VERSION
    ? `${major}.${minor}`
    : `${major}.${Math.floor(minor / 100)}.${minor % 100}`;
}
