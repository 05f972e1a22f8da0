/**
 * `etcd restart`: ends this host's member, which its agent starts again, with the
 * settings and the authority of now. One host at a time, and not while the others
 * cannot do without it.
 */
import { hasQuorumWithout } from "../../core/calc/etcd_member/quorum.ts";
import { CliError } from "../errors.ts";
import { agree } from "../prompts.ts";
import { print } from "../session.ts";
import { type EtcdSession, survey } from "./survey.ts";

const LOOK_MS = 500;
/** A start, and an election; another host's restart. */
const WAIT_MS_MAX = 120_000;

/** Restarts the member of this host. */
export async function restartMember(
  etcd: EtcdSession,
  { isForced }: { readonly isForced: boolean },
): Promise<void> {
  const { session, config, tools } = etcd;
  const { name } = config.managed;
  const pid = await pidOf(etcd);
  const check = async (): Promise<void> => {
    if (!isForced) await checkQuorum(etcd);
  };
  // Looked at first, so that nobody is asked, or waits, for what is refused.
  await check();
  const question = `Restart the member of etcd on ${name}?`;
  await agree(session.context, question, isForced);
  const seen = await survey(etcd).catch(() => null);
  // Without a quorum there are no turns, and nobody leads afterwards.
  if (!seen?.hasQuorum) await restart(etcd, pid, "answers");
  else {
    await inTurn(etcd, async () => {
      await check();
      await restart(etcd, pid, "is_led");
    });
  }
  const differences = await tools.process.differences();
  if (differences.length === 0) {
    return print(session, `${name} runs again, with the settings of now`);
  }
  throw new CliError(
    `${name} runs again, but with ${differences.join(", ")}: whoever keeps ` +
      "it has not read the file since; restart matriarch, then do this again",
  );
}

/** @throws {CliError} If it does not run, or nobody would start it again. */
async function pidOf({ tools }: EtcdSession): Promise<number> {
  const pid = await tools.process.running();
  if (pid === null) {
    throw new CliError(
      "etcd does not run on this host; its agent's log says why",
    );
  }
  if (!await tools.folder.isHeld()) {
    throw new CliError(
      "Nobody would start etcd again: matriarch does not run on this host",
    );
  }
  return pid;
}

/** @throws {CliError} If the store would be away meanwhile, or is. */
async function checkQuorum(etcd: EtcdSession): Promise<void> {
  const { name } = etcd.config.managed;
  const { members, hasQuorum } = await survey(etcd);
  if (!hasQuorum) {
    throw new CliError(
      "etcd has no quorum: bring members back first, see `matriarch etcd " +
        "status`; whoever means to restart this one all the same says --force",
    );
  }
  const own = members.find((one) => one.name === name);
  if (own === undefined || own.isLearner) return;
  const alive = members.flatMap(({ id, status }) =>
    status === null ? [] : [id]
  );
  if (hasQuorumWithout(members, own.id, alive)) return;
  throw new CliError(
    `While ${name} is down too few members of etcd would run for a quorum, ` +
      "so the store would be away for some seconds: bring another one back " +
      "first, or say --force",
  );
}

/** No other member is restarted or defragmented meanwhile. */
async function inTurn(
  etcd: EtcdSession,
  work: () => Promise<void>,
): Promise<void> {
  const { session: { context: { clock } }, config, tools } = etcd;
  const { clientUrl } = config.managed;
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += LOOK_MS) {
    if (await tools.turns.inTurn(clientUrl, work)) return;
    await clock.sleep(LOOK_MS);
  }
  throw new CliError(
    "Another member of etcd has been restarted or defragmented for two " +
      "minutes; look there, then do this again",
  );
}

/** @param goal What it must be again. */
async function restart(
  { session: { context: { clock } }, config, tools }: EtcdSession,
  pid: number,
  goal: "answers" | "is_led",
): Promise<void> {
  const { clientUrl, name } = config.managed;
  await tools.process.stop();
  const isUp = async (): Promise<boolean> => {
    const now = await tools.process.running();
    if (now === null || now === pid) return false;
    const status = await tools.admin.status(clientUrl).catch(() => null);
    return status !== null && (goal === "answers" || status.leaderId !== null);
  };
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += LOOK_MS) {
    if (await isUp()) return;
    await clock.sleep(LOOK_MS);
  }
  throw new CliError(
    `${name} has not come up again within two minutes; the log of its agent ` +
      "says what it waits for",
  );
}
