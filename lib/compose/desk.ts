/** Connects the desk of a member, which gives certificates to hosts, and the keeper of its own with its files and its store. */
import { createHash } from "node:crypto";
import { CertificatesX509 } from "../adapters/pki/certificates_x509.ts";
import { askRenewal } from "../adapters/setup/desk_client.ts";
import { HostFiles } from "../adapters/setup/files.ts";
import type { LocalConfig } from "../config/local_config.ts";
import type { ProxyHostConfig, ProxyKeeping } from "../config/proxy_host.ts";
import type { Clock } from "../ports/clock.ts";
import type { CertifiedKey } from "../ports/certificates.ts";
import type { Dcs } from "../ports/dcs.ts";
import { overdueNotice } from "../core/calc/notices/certificate_notice.ts";
import { decodeClusterView } from "../core/codec/cluster_view_codec.ts";
import type {
  DeskAnswer,
  HostDesk,
  RenewalRequest,
} from "../ports/host_desk.ts";
import type { Log } from "../ports/log.ts";
import type { Notifier } from "../ports/notifier.ts";
import { blueprintOf, commonPartOf } from "../setup/blueprint_of.ts";
import {
  CertificateEnds,
  certificateSettings,
} from "../setup/certificate_ends.ts";
import { CertificateKeeper } from "../setup/certificate_keeper.ts";
import { Desk } from "../setup/desk.ts";
import { certificatePathsIn } from "../setup/layout.ts";

const READ_MAX_MS = 10_000;

/** What the desk is connected with. */
interface DeskDeps {
  readonly dcs: Dcs;
  readonly clock: Clock;
  readonly log: Log;
  /** As the last reload left it. */
  readonly config: () => LocalConfig;
}

/** Null: the member's certificates are not made by this program. */
export function hostDesk(deps: DeskDeps): HostDesk | null {
  const { dcs, clock, log, config } = deps;
  const { name, certificates: { dir } } = config();
  if (dir === null) return null;
  return new Desk({
    ...{ dcs, log, self: name },
    certificates: new CertificatesX509(),
    wallTimeMs: () => clock.wallTimeMs(),
    steadyMs: () => clock.now(),
    hash: sha256,
    authority: () => readAuthority(dir),
    certificateMs: () => config().certificates.lifetimeMs,
    blueprint: async () => {
      const now = config();
      const major = await dataVersion(now.postgresql.dataDir);
      if (major === null) return null;
      const { config: dynamic } = decodeClusterView(
        await dcs.read({ timeoutMs: READ_MAX_MS }),
      );
      return blueprintOf(now, major, dynamic?.document ?? {});
    },
    commonPart: () => commonPartOf(config()),
  });
}

/** Null: the member's certificates are not made by this program. */
export function certificateKeeper(
  deps: DeskDeps & {
    readonly desk: HostDesk | null;
    readonly onChange: () => void;
    readonly notifier: Notifier;
  },
): CertificateKeeper | null {
  const { dcs, clock, log, desk, config, onChange, notifier } = deps;
  const { name, certificates: { dir } } = config();
  if (dir === null || desk === null) return null;
  return new CertificateKeeper({
    ...{ self: name, role: "member", dir, dcs, clock, log, onChange },
    certificates: new CertificatesX509(),
    files: new HostFiles(),
    hash: sha256,
    onOverdue: (untilMs) =>
      notifier.tell(overdueNotice(name, untilMs, clock.wallTimeMs())),
    ask: async (holder, request) =>
      holder === name
        ? await desk.renew(request)
        : await askMember(holder, request, {
          ...{ dcs, dir, credentials: config().ctl.authentication },
        }),
  });
}

/** Tells when the certificates end that the configuration names. */
export function certificateEnds(
  { clock, config }: Pick<DeskDeps, "clock" | "config">,
): CertificateEnds {
  return new CertificateEnds({
    clock,
    settings: () => certificateSettings(config()),
    files: new HostFiles(),
    certificates: new CertificatesX509(),
  });
}

/** The same on a host without an agent; null: it has no certificates of the cluster's own. */
export function witnessKeeper(
  { config, dcs, clock, log, onChange }: {
    readonly config: Pick<ProxyHostConfig, "keeping" | "name">;
    readonly dcs: Dcs;
    readonly clock: Clock;
    readonly log: Log;
    readonly onChange: () => void;
  },
): CertificateKeeper | null {
  const { keeping, name } = config;
  if (keeping === null) return null;
  return new CertificateKeeper({
    ...{ self: name, role: "witness", dir: keeping.dir, dcs, clock, log },
    onChange,
    certificates: new CertificatesX509(),
    files: new HostFiles(),
    hash: sha256,
    onOverdue: (untilMs) =>
      log.error(overdueNotice(name, untilMs, clock.wallTimeMs()).text),
    ask: (holder, request) => askMember(holder, request, { dcs, ...keeping }),
  });
}

/** By the certificate that this host has now. */
async function askMember(
  holder: string,
  { hosts, request }: RenewalRequest,
  { dcs, dir, credentials }: { readonly dcs: Dcs } & ProxyKeeping,
): Promise<DeskAnswer> {
  const view = decodeClusterView(await dcs.read({ timeoutMs: READ_MAX_MS }));
  const member = view.members.find((each) => each.name === holder);
  const apiUrl = member?.apiUrl ?? null;
  if (apiUrl === null) {
    return { kind: "refused", status: 503, text: "it is not there now" };
  }
  const paths = certificatePathsIn(dir);
  const reply = await askRenewal({
    ...{ apiUrl, hosts, request },
    cert: await readIfThere(paths.cert) ?? "",
    trust: await readIfThere(paths.trust) ?? "",
    credentials,
  });
  if (reply.kind !== "answered") {
    return { kind: "refused", status: 503, text: reply.why };
  }
  return reply.document === null
    ? { kind: "refused", status: 409, text: reply.text }
    : { kind: "granted", document: reply.document };
}

/** Major version of the data; null: there is none yet. */
async function dataVersion(dataDir: string): Promise<number | null> {
  const text = await readIfThere(`${dataDir}/PG_VERSION`);
  const major = Number.parseInt(text ?? "", 10);
  return Number.isInteger(major) ? major : null;
}

/** Read for each use: `certs rotate` puts another one there. */
async function readAuthority(dir: string): Promise<CertifiedKey | null> {
  const paths = certificatePathsIn(dir);
  const [cert, key] = await Promise.all([
    readIfThere(paths.authority),
    readIfThere(paths.authorityKey),
  ]);
  return cert === null || key === null ? null : { cert, key };
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
