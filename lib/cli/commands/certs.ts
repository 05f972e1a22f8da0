/** `certs`: shows, renews and replaces the cluster's own certificates. */
import { asObject, parseJsonObject } from "../../core/codec/json.ts";
import { decodeClusterView } from "../../core/codec/cluster_view_codec.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import type { Member } from "../../core/model/member.ts";
import type { Dcs } from "../../ports/dcs.ts";
import { decodeAdmission } from "../../setup/admission_codec.ts";
import {
  type AuthorityRecord,
  witnessesOf,
} from "../../setup/authority_record.ts";
import { certificateFile, certificatePathsIn } from "../../setup/layout.ts";
import {
  beginRotation,
  finishRotation,
  trustHashOf,
} from "../../setup/rotation.ts";
import { readScopeKeys } from "../../setup/store_keys.ts";
import { callMember } from "../api_client.ts";
import { type CommandDefinition, FORMAT_OPTION } from "../definition.ts";
import { CliError, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { left } from "../member_rows.ts";
import { outputFormat, printedRows } from "../output.ts";
import { isWitness } from "../settings.ts";
import { clusterName, print, type Session, withStore } from "../session.ts";

const COLUMNS = ["Member", "Expires", "Authority", "Trusts all"].map(left);

/** `certs`. */
export const CERTS_COMMAND: CommandDefinition = {
  name: "certs",
  isOwn: true,
  summary:
    "The cluster's certificates: certs status, certs renew, certs rotate",
  arguments: [{ name: "ACTION", arity: "required" }],
  options: [
    {
      flags: ["--finish"],
      value: "none",
      help: "Of rotate: the new authority signs from now on",
    },
    {
      flags: ["--etcd-restarted"],
      value: "none",
      help: "Of rotate --finish: the managed etcd was restarted on each host",
    },
    FORMAT_OPTION,
  ],
  run: async (invocation, session) => {
    const [action = ""] = invocation.positionals;
    const act = ACTIONS[action];
    if (act === undefined) {
      throw new UsageError(
        "certs",
        `'${action}' is not one of 'status', 'renew', 'rotate'.`,
      );
    }
    const name = clusterName(session, undefined);
    await withStore(
      session,
      { name, group: null },
      (dcs) => act(invocation, session, dcs),
    );
  },
};

type Action = (
  invocation: Invocation,
  session: Session,
  dcs: Dcs,
) => Promise<void>;

const ACTIONS: Readonly<Record<string, Action>> = { status, renew, rotate };

async function status(
  invocation: Invocation,
  session: Session,
  dcs: Dcs,
): Promise<void> {
  const { host } = await session.context.openSetup();
  const { authority: record, members } = await readScopeKeys(dcs);
  if (record === null) throw noCertificates();
  const trust = trustHashOf(record, host);
  const names = [...new Set([...members, ...Object.keys(record.taken)])];
  const rows = names.toSorted().map((name) => {
    const taken = record.taken[name];
    return {
      "Member": name,
      "Expires": taken === undefined ? "unknown" : timeText(taken.untilMs),
      "Authority": taken === undefined
        ? "unknown"
        : taken.issuer === record.hash
        ? "the one that signs"
        : "an older one",
      "Trusts all": taken?.trust === trust ? "yes" : "no",
    };
  });
  session.context.terminal.write(printedRows({ columns: COLUMNS, rows }, {
    format: outputFormat(invocation.text("--format")),
    title: null,
    emptyCells: "left_out",
  }));
  if (invocation.text("--format") !== null) return;
  print(session, `The authority's key is on ${record.holder}`);
  const witnesses = witnessesOf(record);
  if (witnesses.length > 0) print(session, `Witness: ${witnesses.join(", ")}`);
  const { next } = record;
  if (next !== null) {
    print(
      session,
      `A rotation has begun on ${next.holder}; it is to be finished there`,
    );
  }
}

function timeText(ms: number): string {
  return ms === 0 ? "has none" : `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

/** This host's own, now. */
async function renew(
  _invocation: Invocation,
  session: Session,
  dcs: Dcs,
): Promise<void> {
  const { self, dir } = ownPlace(session);
  const { host, certificates } = await session.context.openSetup();
  const paths = certificatePathsIn(dir);
  const { authority: record } = await readScopeKeys(dcs);
  if (record === null) throw noCertificates();
  const view = decodeClusterView(await dcs.readFresh({ timeoutMs: 10_000 }));
  const own = await certificates.read(await host.files.read(paths.cert) ?? "");
  const hosts = own?.hosts ?? [];
  const { request, key } = await certificates.makeRequest({
    ...{ name: self, hosts },
  });
  const document = await askHolder(session, memberOf(view, record.holder), {
    ...{ hosts, request },
  });
  const given = decodeAdmission(document);
  if (given === null) {
    throw new CliError(`${record.holder} gave no certificate that can be read`);
  }
  const authority = given.trusted.at(-1) ?? "";
  await host.files.write({
    ...{ path: paths.cert, mode: 0o600, owner: null },
    text: certificateFile({ cert: given.cert, key, authority }),
  });
  const facts = await certificates.read(given.cert);
  print(
    session,
    `${self} has a certificate until ${timeText(facts?.notAfterMs ?? 0)}`,
  );
  await reload(session, view, self);
}

async function askHolder(
  session: Session,
  holder: Member,
  body: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>> | null> {
  const reply = await callMember(session, holder, {
    ...{ method: "POST", path: "/certificate", body },
  });
  if (reply.status === 200) return asObject(parseJsonObject(reply.body));
  throw new CliError(`${holder.name} gives no certificate: ${reply.body}`);
}

/** Of an agent that does not run, the next start takes it. */
async function reload(
  session: Session,
  view: ClusterView,
  self: string,
): Promise<void> {
  const member = view.members.find(({ name }) => name === self);
  if (member === undefined) return;
  await callMember(session, member, { method: "POST", path: "/reload" });
}

async function rotate(
  invocation: Invocation,
  session: Session,
  dcs: Dcs,
): Promise<void> {
  const { self, dir } = ownPlace(session);
  // Who signs is asked by the REST API of a member.
  if (isWitness(session.settings)) {
    throw new CliError(
      `${self} is a witness and cannot sign for others: call this on a host ` +
        "with PostgreSQL",
    );
  }
  if (invocation.has("--finish") && !invocation.has("--etcd-restarted")) {
    checkStore(session);
  }
  const { host, certificates } = await session.context.openSetup();
  const scope = clusterName(session, undefined);
  const parts = { dcs, host, certificates, dir, scope, self };
  const outcome = invocation.has("--finish")
    ? await finishRotation(parts)
    : await beginRotation(parts);
  if (outcome.kind === "refused") throw new CliError(outcome.text);
  print(session, outcome.text);
}

/** A managed etcd would take no client of an authority that it has not read. */
function checkStore({ settings: { dcs } }: Session): void {
  const isManaged = dcs.kind === "etcd3" && dcs.managed?.serverTls;
  if (!isManaged) return;
  throw new CliError(
    "etcd reads whom it trusts at its start: call matriarch etcd restart on " +
      "each host, one after the other, and then give --etcd-restarted. " +
      "Without that no member would reach the store",
  );
}

function memberOf(view: ClusterView, name: AuthorityRecord["holder"]): Member {
  const member = view.members.find((each) => each.name === name);
  if (member !== undefined) return member;
  throw new CliError(
    `${name}, which has the authority's key, is not there: start it, or make ` +
      "another authority on this host by matriarch certs rotate",
  );
}

function ownPlace(
  { settings }: Session,
): { readonly self: string; readonly dir: string } {
  const { memberName, certificatesDir } = settings;
  if (memberName !== null && certificatesDir !== null) {
    return { self: memberName, dir: certificatesDir };
  }
  throw new CliError(
    "This is for a member's host: give its file by -c /etc/matriarch/matriarch.yml",
  );
}

function noCertificates(): CliError {
  return new CliError(
    "This cluster has no certificates of its own: it was not made by " +
      "matriarch init",
  );
}
