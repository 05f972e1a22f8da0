/** `dsn`: where a client finds a member. */
import { parseConnUrl } from "../../core/codec/conn_url.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import type { Member } from "../../core/model/member.ts";
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  GROUP_OPTION,
  ROLE_OPTION,
} from "../definition.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { membersWithRole } from "../member_selection.ts";
import { print, withCluster } from "../session.ts";

/** `dsn`. */
export const DSN_COMMAND: CommandDefinition = {
  name: "dsn",
  summary: "Show host and port of a member, of the leader by default",
  arguments: [CLUSTER_ARGUMENT],
  options: [
    ROLE_OPTION,
    { flags: ["--member", "-m"], value: "text", help: "The member" },
    GROUP_OPTION,
  ],
  run: (invocation, session) =>
    withCluster(session, invocation, async (scope) => {
      checkOneFilter(invocation);
      const view = await scope.read();
      const member = memberFor(view, invocation, "leader");
      const address = member?.connUrl && parseConnUrl(member.connUrl);
      if (!address) throw new CliError("Can not find a suitable member");
      print(session, `host=${address.host} port=${address.port}`);
    }),
};

/** @throws {CliError} If both `--role` and `--member` were given. */
export function checkOneFilter(invocation: Invocation): void {
  if (!invocation.has("--role") || !invocation.has("--member")) return;
  throw new CliError("--role and --member are mutually exclusive options");
}

/** The first member with an address that `--member` or `--role` picks. */
export function memberFor(
  view: ClusterView,
  invocation: Invocation,
  defaultRole: string,
): Member | null {
  const name = invocation.text("--member");
  const role = name === null ? invocation.text("--role") ?? defaultRole : "any";
  return membersWithRole(view, role).find((member) =>
    member.connUrl !== null && (name === null || member.name === name)
  ) ?? null;
}
