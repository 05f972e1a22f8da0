/** `leave`: takes this host out of its cluster, in order. Its data stay. */
import {
  decodeClusterView,
  memberKey,
} from "../../core/codec/cluster_view_codec.ts";
import type { Dcs } from "../../ports/dcs.ts";
import { withoutMember } from "../../setup/care.ts";
import type { SetupWorld } from "../../setup/setup_world.ts";
import { certificatePathsIn, UNIT } from "../../setup/layout.ts";
import { readScopeKeys, updateAuthority } from "../../setup/store_keys.ts";
import { callMember } from "../api_client.ts";
import { type CommandDefinition, FORCE_OPTION } from "../definition.ts";
import { CliError } from "../errors.ts";
import { checkEtcdDeparture, departFromEtcd } from "../etcd/departure.ts";
import { lookAtEtcd } from "../etcd/health.ts";
import { agree } from "../prompts.ts";
import { isWitness } from "../settings.ts";
import { clusterName, print, type Session, withStore } from "../session.ts";

const LIMITS = { timeoutMs: 10_000 };
const ASK_MAX_MS = 5_000;

/** `leave`. */
export const LEAVE_COMMAND: CommandDefinition = {
  name: "leave",
  isOwn: true,
  summary: "Take this host out of its cluster; its data stay",
  arguments: [],
  options: [
    FORCE_OPTION,
    {
      flags: ["--no-stop"],
      value: "none",
      help: "There is no service; the agent was stopped by other means",
    },
  ],
  run: async (invocation, session) => {
    const name = session.settings.memberName;
    if (name === null) {
      throw new CliError(
        "This is for a member's host: give its file by -c /etc/matriarch/matriarch.yml",
      );
    }
    const scope = { name: clusterName(session, undefined), group: null };
    const world = await session.context.openSetup();
    await withStore(session, scope, async (dcs) => {
      const isForced = invocation.has("--force");
      const problem = isForced ? null : await objection(dcs, name);
      if (problem !== null) throw new CliError(problem);
      await checkEtcdDeparture(session, name);
      const question = `Take ${name}, this host, out of the cluster?`;
      await agree(session.context, question, isForced);
      if (!invocation.has("--no-stop")) await world.host.service.stop(UNIT);
      await checkStopped(session, dcs, name);
      await dcs.write({
        when: [],
        edits: [{ kind: "delete", key: memberKey(name) }],
      }, LIMITS);
      await updateAuthority(dcs, (record) => ({
        value: record === null ? null : withoutMember(record, name, "left"),
        answer: null,
      }));
    });
    await departFromEtcd(session, name);
    await putAside(session, world);
    const { dataDir } = session.settings;
    print(
      session,
      isWitness(session.settings)
        ? `${name} has left. It is a witness no more`
        : `${name} has left. Its data are still in ${dataDir ?? "their place"}`,
    );
  },
};

/** Why the host should not go now; null: it can. */
async function objection(dcs: Dcs, name: string): Promise<string | null> {
  const view = decodeClusterView(await dcs.readFresh(LIMITS));
  const { authority } = await readScopeKeys(dcs);
  const others = view.members.filter((member) => member.name !== name);
  if (others.length === 0) {
    return `${name} is the last member: with it the cluster ends. --force does it`;
  }
  if (view.leader?.name === name) {
    return `${name} leads the cluster: matriarch switchover first`;
  }
  return authority?.holder === name
    ? `${name} has the authority's key: first make another authority on ` +
      "another member's host by matriarch certs rotate"
    : null;
}

/** A member that runs would come back by itself. */
async function checkStopped(
  session: Session,
  dcs: Dcs,
  name: string,
): Promise<void> {
  if (isWitness(session.settings)) {
    const { isKept } = await lookAtEtcd(session);
    if (isKept !== true) return;
    throw new CliError(`The proxy of ${name} still runs: stop it first`);
  }
  const view = decodeClusterView(await dcs.readFresh(LIMITS));
  const member = view.members.find((each) => each.name === name);
  if (member === undefined) return;
  const isAlive = await callMember(session, member, {
    ...{ method: "GET", path: "/liveness", timeoutMs: ASK_MAX_MS },
  }).then(() => true, () => false);
  if (isAlive) {
    throw new CliError(`The agent of ${name} still runs: stop it first`);
  }
}

/** The configuration may be wanted for reading; keys are not. */
async function putAside(
  { settings }: Session,
  { host: { files } }: SetupWorld,
): Promise<void> {
  for (const { source } of settings.layers) {
    if (!source.startsWith("/")) continue;
    const text = await files.read(source);
    if (text === null) continue;
    const path = `${source}.left`;
    await files.write({ path, mode: 0o600, owner: null, text });
    await files.remove(source);
  }
  if (settings.certificatesDir === null) return;
  const paths = certificatePathsIn(settings.certificatesDir);
  for (const path of Object.values(paths)) await files.remove(path);
}
