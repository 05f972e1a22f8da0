/** What `doctor` and whoever leaves want to know of a managed etcd; never fails. */
import type { Voter } from "../../setup/doctor.ts";
import type { Session } from "../session.ts";
import { type EtcdSession, etcdSession, survey } from "./survey.ts";

/** How it is. */
export interface EtcdHealth {
  /** Null: the store is not managed, or no member answers. */
  readonly voters: readonly Voter[] | null;
  /** Whether a process looks after this host's member; null: nobody may say. */
  readonly isKept: boolean | null;
  /** What this host's process was started with that the file says otherwise now. */
  readonly differences: readonly string[];
}

const UNKNOWN: EtcdHealth = { voters: null, isKept: null, differences: [] };

/** Asks all members, and looks at this host's. */
export async function lookAtEtcd(session: Session): Promise<EtcdHealth> {
  const { dcs } = session.settings;
  if (dcs.kind !== "etcd3" || dcs.managed === null) {
    return UNKNOWN;
  }
  try {
    const etcd = await etcdSession(session);
    const isKept = await etcd.tools.folder.isHeld().catch(() => null);
    const differences = await etcd.tools.process.differences()
      .catch(() => []);
    return { voters: await votersOf(etcd), isKept, differences };
  } catch {
    return UNKNOWN;
  }
}

async function votersOf(etcd: EtcdSession): Promise<readonly Voter[] | null> {
  try {
    const { members } = await survey(etcd);
    return members.map((one) => ({ ...one, isRunning: one.status !== null }));
  } catch {
    // That the store does not answer is told by whoever reads the scope.
    return null;
  }
}
