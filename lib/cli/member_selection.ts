/**
 * Which members a command means: by role, by name, or all, and the question
 * whether they are the right ones.
 *
 * Source: docs/contract/cli.md A6.
 */
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Member } from "../core/model/member.ts";
import { CliError } from "./errors.ts";
import type { Invocation } from "./invocation.ts";
import { confirm, promptText } from "./prompts.ts";
import { type Scope, type Session, showTable } from "./session.ts";

/** What is done to the members, as questions and errors name it. */
export type MemberAction = "reload" | "restart" | "reinitialize" | "flush";

/** Which members are wanted. */
export interface SelectionRequest {
  readonly action: MemberAction;
  /** A choice of `--role`. */
  readonly role: string;
  /** Empty: all of the role. */
  readonly names: readonly string[];
  readonly isForced: boolean;
}

/** The members of a view with that role, in the order of the DCS. */
export function membersWithRole(
  view: ClusterView,
  role: string,
): readonly Member[] {
  const leader = view.leader?.name ?? null;
  return view.members.filter((member) => {
    const isLeader = member.name === leader;
    switch (role) {
      case "leader":
        return isLeader;
      case "primary":
        return isLeader && member.role !== "standby_leader";
      case "standby-leader":
        return isLeader && member.role !== "primary";
      case "replica":
      case "standby":
        return !isLeader;
      default:
        return true;
    }
  });
}

/** The request that a command line with `--role`, names and `--force` makes. */
export function selectionRequest(
  invocation: Invocation,
  action: MemberAction,
): SelectionRequest {
  return {
    action,
    role: invocation.text("--role") ?? "any",
    names: invocation.positionals.slice(1),
    isForced: invocation.has("--force"),
  };
}

/**
 * Prints the table and says which members are meant.
 *
 * @throws {CliError} If there are none.
 */
export async function selectMembers(
  session: Session,
  scope: Scope,
  { view, request }: {
    readonly view: ClusterView;
    readonly request: SelectionRequest;
  },
): Promise<readonly Member[]> {
  const matching = membersWithRole(view, request.role);
  const isReinit = request.action === "reinitialize";
  if (matching.length === 0 && request.names.length === 0) {
    throw new CliError(`${scope.name} cluster doesn't have any members`);
  }
  showTable(session, scope, view);
  if (request.names.length > 0) {
    const named = matching.filter(({ name }) => request.names.includes(name));
    if (named.length > 0) return named;
    const role = isReinit ? "replica" : `'${request.role}'`;
    throw new CliError(`No ${role} among provided members`);
  }
  if (!isReinit) return matching;
  return request.isForced ? [] : [await askForMember(session, matching)];
}

async function askForMember(
  session: Session,
  members: readonly Member[],
): Promise<Member> {
  const names = members.map(({ name }) => name).join(", ");
  const question = `Which member do you want to reinitialize [${names}]?`;
  const answer = await promptText(session.context, question, "");
  const member = members.find(({ name }) => name === answer);
  if (member !== undefined) return member;
  throw new CliError(`${answer} is not a member of cluster`);
}

/**
 * Asks whether the action may be done to these members, unless forced.
 *
 * @throws {CliError} If not.
 */
export async function confirmMembers(
  session: Session,
  members: readonly Member[],
  { action, isForced }: Pick<SelectionRequest, "action" | "isForced">,
): Promise<void> {
  if (isForced) return;
  const names = members.map(({ name }) => name).join(", ");
  const question = `Are you sure you want to ${action} members ${names}?`;
  if (await confirm(session.context, question)) return;
  throw new CliError(`Aborted ${action}`);
}
