/** Where the instances of other members are, as the last view shows it. */
import type { MemberName } from "../core/model/member.ts";
import { REMOTE, type StandbyCluster } from "../core/model/standby_cluster.ts";
import { memberOf } from "../core/model/cluster_view.ts";
import { parseConnUrl } from "../core/codec/conn_url.ts";
import type { PostgresPeer } from "../ports/postgres.ts";
import { PostgresError } from "../ports/errors.ts";
import type { AgentState } from "./agent_state.ts";

/**
 * The address of a member's instance.
 *
 * @throws {PostgresError} If the last view does not show it.
 */
export function peerOf(
  context: { readonly state: Pick<AgentState, "view" | "settings"> },
  name: MemberName,
): PostgresPeer {
  const { view, settings } = context.state;
  if (name === REMOTE) return remotePeer(settings.standbyCluster);
  const url = view === null ? null : memberOf(view, name)?.connUrl ?? null;
  const address = url === null ? null : parseConnUrl(url);
  if (address === null) {
    throw new PostgresError(`The address of member "${name}" is not known`);
  }
  return { name, ...address };
}

/** The instance that a standby cluster follows. */
function remotePeer(section: StandbyCluster | null): PostgresPeer {
  if (section === null || section.host === null) {
    throw new PostgresError("No remote is configured to follow");
  }
  const { host, port, primarySlotName: slotName } = section;
  return { name: REMOTE, host, port, remote: { slotName } };
}
