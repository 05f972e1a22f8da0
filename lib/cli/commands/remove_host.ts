/** `remove-host`: takes a member out of a cluster whose host is gone for good. */
import {
  decodeClusterView,
  memberKey,
} from "../../core/codec/cluster_view_codec.ts";
import type { Dcs } from "../../ports/dcs.ts";
import { withoutMember } from "../../setup/care.ts";
import { witnessesOf } from "../../setup/authority_record.ts";
import { readScopeKeys, updateAuthority } from "../../setup/store_keys.ts";
import { callMember } from "../api_client.ts";
import { type CommandDefinition, FORCE_OPTION } from "../definition.ts";
import { CliError } from "../errors.ts";
import { checkEtcdDeparture, departFromEtcd } from "../etcd/departure.ts";
import { lookAtEtcd } from "../etcd/health.ts";
import { agree } from "../prompts.ts";
import { clusterName, print, type Session, withStore } from "../session.ts";

const LIMITS = { timeoutMs: 10_000 };
const ASK_MAX_MS = 5_000;

/** `remove-host`. */
export const REMOVE_HOST_COMMAND: CommandDefinition = {
  name: "remove-host",
  isOwn: true,
  summary: "Take a member out whose host is gone; on the host itself: leave",
  arguments: [{ name: "NAME", arity: "required" }],
  options: [FORCE_OPTION],
  run: async (invocation, session) => {
    const [name = ""] = invocation.positionals;
    const scope = { name: clusterName(session, undefined), group: null };
    const isForced = invocation.has("--force");
    await withStore(session, scope, async (dcs) => {
      const problem = isForced ? null : await objection(session, dcs, name);
      if (problem !== null) throw new CliError(problem);
      await checkEtcdDeparture(session, name);
      const question = `Take ${name} out of the cluster for good?`;
      await agree(session.context, question, isForced);
      await remove(session, dcs, name);
    });
    await departFromEtcd(session, name);
  },
};

/** Why the member should not go like that; null: it can. */
async function objection(
  session: Session,
  dcs: Dcs,
  name: string,
): Promise<string | null> {
  const view = decodeClusterView(await dcs.readFresh(LIMITS));
  if (view.leader?.name === name) {
    return `${name} leads the cluster: matriarch switchover first`;
  }
  const member = view.members.find((each) => each.name === name);
  const { authority } = await readScopeKeys(dcs);
  const alive =
    `${name} is alive: call matriarch leave on its host, or give --force`;
  if (member === undefined) {
    if (witnessesOf(authority).includes(name)) {
      const { voters } = await lookAtEtcd(session);
      const own = voters?.find((voter) => voter.name === name);
      return own?.isRunning ? alive : null;
    }
    const isKnown = authority?.taken[name] !== undefined;
    return isKnown ? null : `There is no member ${name}`;
  }
  const isAlive = await callMember(session, member, {
    ...{ method: "GET", path: "/liveness", timeoutMs: ASK_MAX_MS },
  }).then(() => true, () => false);
  return isAlive ? alive : null;
}

async function remove(
  session: Session,
  dcs: Dcs,
  name: string,
): Promise<void> {
  await dcs.write({
    when: [],
    edits: [{ kind: "delete", key: memberKey(name) }],
  }, LIMITS);
  const holder = await updateAuthority(dcs, (record) => ({
    value: record === null ? null : withoutMember(record, name, "removed"),
    answer: record?.holder ?? null,
  }));
  print(session, `${name} is out: it gets no further certificate`);
  if (holder !== name) return;
  print(
    session,
    `It had the authority's key: make another one on a member's host by ` +
      "matriarch certs rotate, and then matriarch certs rotate --finish",
  );
}
