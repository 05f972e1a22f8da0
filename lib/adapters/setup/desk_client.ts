/**
 * Asks a member's desk for a certificate. First looks who answers: only if an
 * authority with the wanted hash has signed its certificate, for that address and
 * this day, is anything sent, on a connection that trusts that authority alone.
 */
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { request as requestHttps, type RequestOptions } from "node:https";
import { isIP } from "node:net";
import {
  connect,
  type DetailedPeerCertificate,
  type TLSSocket,
} from "node:tls";
import { asObject, parseJsonObject } from "../../core/codec/json.ts";
import type { DeskCall, DeskReply } from "../../ports/setup.ts";

const LOOK_MAX_MS = 10_000;
/** The desk asks the store, and signs. */
const ANSWER_MAX_MS = 30_000;
const BODY_BYTES_MAX = 1 << 20;
/** A leaf and its authority; old authorities may stand behind. */
const CHAIN_MAX = 8;

/** Never throws. */
export async function askDesk(call: DeskCall): Promise<DeskReply> {
  try {
    const chain = await shownChain(call.peer);
    const judged = judgeChain(chain, call, Date.now());
    if (typeof judged === "string") return { kind: "untrusted", why: judged };
    return await post(call, judged.toString());
  } catch (error) {
    return { kind: "unreachable", why: messageOf(error) };
  }
}

/**
 * The authority behind a chain of certificates, or why it is not believed.
 *
 * @param chain As the server shows it, its own certificate first.
 */
export function judgeChain(
  chain: readonly X509Certificate[],
  { peer, authorityHash }: Pick<DeskCall, "peer" | "authorityHash">,
  nowMs: number,
): X509Certificate | string {
  const [leaf] = chain;
  const authority = chain.find(({ raw }) =>
    createHash("sha256").update(raw).digest("hex") === authorityHash
  );
  if (leaf === undefined || authority === undefined) {
    return "it belongs to another cluster than the token";
  }
  if (!leaf.verify(authority.publicKey)) {
    return "its certificate is not of the token's cluster";
  }
  const isNamed = isIP(peer.host) === 0
    ? leaf.checkHost(peer.host) !== undefined
    : leaf.checkIP(peer.host) !== undefined;
  if (!isNamed) return "its certificate is for another address";
  const [from, until] = [leaf.validFrom, leaf.validTo].map(Date.parse);
  if (from === undefined || until === undefined) return "it has no time";
  if (nowMs < from || nowMs > until) {
    return `its certificate counts from ${leaf.validFrom} until ` +
      `${leaf.validTo}, and the clock of this host says ` +
      `${new Date(nowMs).toUTCString()}: set the clock right, or renew that ` +
      "certificate";
  }
  return authority;
}

/** What the server shows; nothing is sent to it. */
async function shownChain(
  { host, port }: DeskCall["peer"],
): Promise<readonly X509Certificate[]> {
  const { promise, resolve, reject } = Promise.withResolvers<
    readonly X509Certificate[]
  >();
  const socket: TLSSocket = connect({
    ...{ host, port },
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // It is looked at below, before anything is sent.
    rejectUnauthorized: false,
  });
  const timer = setTimeout(() => {
    reject(new Error(`no answer within ${LOOK_MAX_MS / 1000} s`));
  }, LOOK_MAX_MS);
  socket.once("secureConnect", () => {
    resolve(chainOf(socket.getPeerCertificate(true)));
  });
  socket.on("error", reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function chainOf(first: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: DetailedPeerCertificate | undefined = first;
  while (at?.raw !== undefined && chain.length < CHAIN_MAX) {
    chain.push(new X509Certificate(at.raw));
    const next: DetailedPeerCertificate | undefined = at.issuerCertificate;
    // A self-signed one is its own issuer.
    at = next === at || next?.raw === at.raw ? undefined : next;
  }
  return chain;
}

async function post(
  { peer, request }: DeskCall,
  authority: string,
): Promise<DeskReply> {
  const { nowMs, postgresMajors, ...rest } = request;
  return await exchange({
    ...{ host: peer.host, port: peer.port, path: "/join" },
    ca: authority,
  }, { ...rest, now: nowMs, postgres_majors: postgresMajors });
}

/** How a member with a certificate asks for the next one. */
export interface RenewalCall {
  /** URL of the REST API that is asked. */
  readonly apiUrl: string;
  /** The certificate that counts, with its key; PEM. */
  readonly cert: string;
  /** Trusted authorities, PEM. */
  readonly trust: string;
  /** Null: REST asks for no password. */
  readonly credentials:
    | { readonly username: string; readonly password: string }
    | null;
  readonly hosts: readonly string[];
  readonly request: string;
}

/** Never throws. */
export async function askRenewal(call: RenewalCall): Promise<DeskReply> {
  try {
    const url = new URL(call.apiUrl);
    const { credentials, hosts, request } = call;
    const login = credentials === null
      ? {}
      : { auth: `${credentials.username}:${credentials.password}` };
    return await exchange({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      ...{ port: url.port || 443, path: "/certificate", ...login },
      ...{ ca: call.trust, cert: call.cert, key: call.cert },
    }, { hosts, request });
  } catch (error) {
    return { kind: "unreachable", why: messageOf(error) };
  }
}

async function exchange(
  options: RequestOptions,
  document: Readonly<Record<string, unknown>>,
): Promise<DeskReply> {
  const { promise, resolve, reject } = Promise.withResolvers<DeskReply>();
  const body = JSON.stringify(document);
  const outgoing = requestHttps({
    ...options,
    ...{ method: "POST", agent: false },
    headers: {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(body),
    },
    signal: AbortSignal.timeout(ANSWER_MAX_MS),
  }, (answer) => {
    readReply(answer).then(resolve, reject);
  });
  outgoing.on("error", reject);
  try {
    outgoing.end(body);
    return await promise;
  } finally {
    outgoing.destroy();
  }
}

async function readReply(answer: IncomingMessage): Promise<DeskReply> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer) {
    const part = Buffer.from(chunk);
    length += part.length;
    if (length > BODY_BYTES_MAX) throw new Error("the answer is too large");
    chunks.push(part);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const status = answer.statusCode ?? 0;
  const document = status === 200 ? asObject(parseJsonObject(text)) : null;
  const said = text.startsWith("<!DOCTYPE") ? `status ${status}` : text;
  return { kind: "answered", status, text: said, document };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
