/** `doctor`: what is unhealthy on this host and in its cluster, and what helps. */
import { programPath } from "../../core/base/program_path.ts";
import { decodeClusterView } from "../../core/codec/cluster_view_codec.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import type { Member } from "../../core/model/member.ts";
import type { AuthorityRecord } from "../../setup/authority_record.ts";
import {
  diagnose,
  type DoctorFacts,
  type MemberAnswer,
} from "../../setup/doctor.ts";
import type { Finding } from "../../setup/finding.ts";
import { certificatePathsIn } from "../../setup/layout.ts";
import { readScopeKeys } from "../../setup/store_keys.ts";
import { callMember } from "../api_client.ts";
import { askExplained } from "../decisions.ts";
import type { CommandDefinition } from "../definition.ts";
import { ExitError, messageOf } from "../errors.ts";
import { lookAtEtcd } from "../etcd/health.ts";
import { isWitness } from "../settings.ts";
import { clusterName, print, type Session, withStore } from "../session.ts";

const EXIT_WARNING = 1;
const EXIT_CRITICAL = 2;
const ASK_MAX_MS = 5_000;

/** `doctor`. */
export const DOCTOR_COMMAND: CommandDefinition = {
  name: "doctor",
  isOwn: true,
  summary: "Say what is unhealthy here; exit code 1: warnings, 2: critical",
  arguments: [],
  options: [],
  run: async (_invocation, session) => {
    const findings = diagnose(await gather(session));
    for (const finding of findings) print(session, textOf(finding));
    if (findings.length === 0) print(session, "All is well");
    const isCritical = findings.some(({ level }) => level === "critical");
    if (isCritical) throw new ExitError(EXIT_CRITICAL);
    if (findings.length > 0) throw new ExitError(EXIT_WARNING);
  },
};

function textOf({ level, sentence, remedy }: Finding): string {
  return `${level.toUpperCase()}: ${sentence}. What helps: ${remedy}`;
}

async function gather(session: Session): Promise<DoctorFacts> {
  const { settings, context } = session;
  const { host: setup, certificates } = await context.openSetup();
  const { certificatesDir: dir } = settings;
  const dataDir = settings.dataDir ?? etcdFolder(session);
  const etcd = await lookAtEtcd(session);
  const store = await lookAtStore(session);
  const cert = dir === null
    ? null
    : await setup.files.read(certificatePathsIn(dir).cert);
  const own = cert === null ? null : await certificates.read(cert);
  return {
    self: settings.memberName ?? "",
    nowMs: setup.wallTimeMs(),
    host: await setup.facts({
      ...{ user: "root", dataDir: dataDir ?? "/", pgBin: "/", ports: [] },
      storeDir: null,
    }),
    ...store,
    voters: etcd.voters,
    etcdDifferences: etcd.differences,
    witness: isWitness(settings) ? { isServed: etcd.isKept } : null,
    certificateUntilMs: own?.notAfterMs ?? null,
    answers: await askAll(session, store.view?.members ?? []),
    own: store.view === null
      ? []
      : (await askExplained(session, store.view)).obstacles,
    fencing: await lookAtFencing(session),
  };
}

async function lookAtFencing(
  { settings: { fencing }, context }: Session,
): Promise<DoctorFacts["fencing"]> {
  const [program] = fencing?.command ?? [];
  if (fencing === null || program === undefined) return null;
  const { host } = await context.openSetup();
  const path = programPath(context.environment["PATH"]);
  const state = await host.programState(program, path);
  return { program, state, timeoutMs: fencing.timeoutMs };
}

function etcdFolder({ settings: { dcs } }: Session): string | null {
  return dcs.kind === "etcd3" ? dcs.managed?.dataDir ?? null : null;
}

async function lookAtStore(
  session: Session,
): Promise<
  {
    readonly view: ClusterView | null;
    readonly record: AuthorityRecord | null;
    readonly storeProblem: string | null;
  }
> {
  const name = clusterName(session, undefined);
  try {
    return await withStore(session, { name, group: null }, async (dcs) => {
      const { authority: record } = await readScopeKeys(dcs);
      const snapshot = await dcs.readFresh({ timeoutMs: 10_000 });
      return { view: decodeClusterView(snapshot), record, storeProblem: null };
    });
  } catch (error) {
    return { view: null, record: null, storeProblem: messageOf(error) };
  }
}

async function askAll(
  session: Session,
  members: readonly Member[],
): Promise<Readonly<Record<string, MemberAnswer>>> {
  const answers = await Promise.all(
    members.map(async (member) =>
      [member.name, await askOne(session, member)] as const
    ),
  );
  return Object.fromEntries(answers);
}

async function askOne(
  session: Session,
  member: Member,
): Promise<MemberAnswer> {
  try {
    const { date } = await callMember(session, member, {
      ...{ method: "GET", path: "/liveness", timeoutMs: ASK_MAX_MS },
    });
    const wallTimeMs = date === undefined ? Number.NaN : Date.parse(date);
    return {
      kind: "answered",
      wallTimeMs: Number.isNaN(wallTimeMs) ? null : wallTimeMs,
    };
  } catch (error) {
    return { kind: "silent", why: messageOf(error) };
  }
}
