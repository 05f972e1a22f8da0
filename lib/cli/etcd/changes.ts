/** `etcd remove` and `etcd replace`: changes of the membership, one at a time. */
import { hasQuorumWithout } from "../../core/calc/etcd_member/quorum.ts";
import { parseHostPort } from "../../config/addresses.ts";
import { CliError, messageOf } from "../errors.ts";
import { agree } from "../prompts.ts";
import { print } from "../session.ts";
import {
  endpointsOf,
  type EtcdSession,
  type EtcdSurvey,
  survey,
  type SurveyedMember,
} from "./survey.ts";

const ROUNDS = 20;
const LOOKS = 5;
const ROUND_MS = 1_000;

/** How a change is made. */
export interface ChangeOptions {
  /** Ask nothing; a member that runs goes, too. */
  readonly isForced: boolean;
}

/** @throws {CliError} If the others cannot do without the member, whether it runs or not. */
export async function checkLeaving(
  etcd: EtcdSession,
  name: string,
): Promise<void> {
  await leavingMember(etcd, name, { isForced: true });
}

/** Takes a member out of the cluster for good. */
export async function removeMember(
  etcd: EtcdSession,
  name: string,
  options: ChangeOptions,
): Promise<void> {
  const member = await leavingMember(etcd, name, options);
  const { session: { context } } = etcd;
  await agree(context, `Remove ${name} from etcd?`, options.isForced);
  await remove(etcd, member);
  print(etcd.session, `${name} is no member of etcd any more`);
}

/**
 * Takes a lost member out and makes a place in which its host, with an empty
 * folder, or another one at `address` comes in: as learner, so that the quorum
 * stays what it was.
 *
 * @param address HOST:PORT for members; null: as it was.
 */
export async function replaceMember(
  etcd: EtcdSession,
  name: string,
  { address, ...options }: ChangeOptions & { readonly address: string | null },
): Promise<void> {
  const member = await leavingMember(etcd, name, options);
  const peerUrl = address === null
    ? member.peerUrl
    : peerUrlOf(member.peerUrl, address);
  const question = `Replace ${name} in etcd, at ${peerUrl}?`;
  await agree(etcd.session.context, question, options.isForced);
  // A place that waits already is the one to be made.
  if (member.name !== "" || member.peerUrl !== peerUrl) {
    await remove(etcd, member);
    await change(
      etcd,
      (endpoint) => etcd.tools.admin.addLearner(endpoint, peerUrl),
    );
  }
  print(
    etcd.session,
    `A place for ${name} waits at ${peerUrl}: the agent there takes it by ` +
      "itself if it was a member; on a new host run `matriarch etcd join " +
      "ADDRESS` with the address of a host that has the store",
  );
}

/**
 * The member, if the others can do without it. An election or a slow answer
 * looks like a loss, so a "no" is heard a few times before it is believed.
 */
async function leavingMember(
  etcd: EtcdSession,
  name: string,
  { isForced }: ChangeOptions,
): Promise<SurveyedMember> {
  const { clock } = etcd.session.context;
  for (let look = 1;; look++) {
    const seen = await survey(etcd);
    const { member, problem } = leavingIn(seen, name);
    if (problem === null) {
      if (member.status === null || isForced) return member;
      throw new CliError(
        `${name} runs; whoever means to take it out all the same says --force`,
      );
    }
    if (look >= LOOKS) throw new CliError(problem);
    await clock.sleep(ROUND_MS);
  }
}

/** Who would leave, and why it cannot; null: it can. @throws {CliError} If there is no such member. */
function leavingIn(
  { members, hasQuorum }: EtcdSurvey,
  name: string,
):
  | { readonly member: SurveyedMember; readonly problem: null }
  | { readonly member: null; readonly problem: string } {
  const not = (problem: string) => ({ member: null, problem });
  if (!hasQuorum) {
    return not(
      "etcd has no quorum, so its members cannot be changed: bring members " +
        "back, or see `matriarch etcd status`",
    );
  }
  const member = members.find((one) =>
    one.name === name || one.name === "" && one.peerUrl === name
  );
  if (member === undefined) {
    const names = members.map((one) => one.name || one.peerUrl).join(", ");
    throw new CliError(`etcd has no member ${name}, only ${names}`);
  }
  const alive = members.flatMap(({ id, status }) =>
    status === null ? [] : [id]
  );
  if (!member.isLearner && !hasQuorumWithout(members, member.id, alive)) {
    return not(
      `Without ${name} too few members of etcd run for a quorum: bring ` +
        "another one back first",
    );
  }
  return { member, problem: null };
}

async function remove(
  etcd: EtcdSession,
  { id }: SurveyedMember,
): Promise<void> {
  await change(etcd, (endpoint) => etcd.tools.admin.remove(endpoint, id));
}

/**
 * By the first member that does it. etcd refuses while a member has been there
 * for less than five seconds, so it is asked for a while.
 *
 * Source: etcd 3.5, `--strict-reconfig-check`; `server.go`, HealthInterval.
 */
async function change(
  etcd: EtcdSession,
  make: (endpoint: string) => Promise<void>,
): Promise<void> {
  const { clock } = etcd.session.context;
  const endpoints = await endpointsOf(etcd);
  for (let round = 0;; round++) {
    const failures: string[] = [];
    for (const endpoint of endpoints) {
      try {
        return await make(endpoint);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    if (round >= ROUNDS) {
      throw new CliError(
        `etcd did not change its members: ${failures.join("; ")}`,
      );
    }
    await clock.sleep(ROUND_MS);
  }
}

function peerUrlOf(former: string, address: string): string {
  if (parseHostPort(address, null) === null) {
    throw new CliError(`--address: wanted HOST:PORT, got ${address}`);
  }
  return `${new URL(former).protocol}//${address}`;
}
