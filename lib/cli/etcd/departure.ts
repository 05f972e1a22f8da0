/** A host that goes takes its member of a managed etcd with it. */
import type { Session } from "../session.ts";
import { checkLeaving, removeMember } from "./changes.ts";
import { type EtcdSession, etcdSession, survey } from "./survey.ts";

/**
 * Looks whether the others can do without the member; does nothing where the
 * store is not managed, or the member is not in it, or is the last one.
 *
 * @throws {CliError} If they cannot.
 */
export async function checkEtcdDeparture(
  session: Session,
  name: string,
): Promise<void> {
  const etcd = await etcdWith(session, name);
  if (etcd !== null) await checkLeaving(etcd, name);
}

/** Takes it out. @throws {CliError} If etcd does not. */
export async function departFromEtcd(
  session: Session,
  name: string,
): Promise<void> {
  const etcd = await etcdWith(session, name);
  if (etcd !== null) await removeMember(etcd, name, { isForced: true });
}

/** Null: there is nobody to take out. */
async function etcdWith(
  session: Session,
  name: string,
): Promise<EtcdSession | null> {
  const { dcs } = session.settings;
  if (dcs.kind !== "etcd3" || dcs.managed === null) return null;
  const etcd = await etcdSession(session);
  const { members } = await survey(etcd);
  const isThere = members.some((member) => member.name === name);
  return isThere && members.length > 1 ? etcd : null;
}
