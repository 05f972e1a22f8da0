/**
 * Looks at members for the cluster page: their status, as a race would hear it,
 * and what they tell of themselves. Some at a time, each within its time limit;
 * nothing of it goes into the log.
 */
import type { Member } from "../../core/model/member.ts";
import type { PeerAnswer } from "../../core/model/peer_view.ts";
import type { MemberLook, Onlooker } from "../../ports/onlooker.ts";
import type { PeersOptions, PeersTls } from "./client_options.ts";
import { decodeStatus } from "./codec.ts";
import { send } from "./peers_http.ts";

/** Members that are asked at the same time. */
const AT_ONCE = 16;
const TIMEOUT_MS = 2_000;
const OK = 200;
/** The end of a handshake; its alert gets lost where the connection ends at once. */
const REFUSED = /alert|certificate|handshake|hang up|reset|without an answer/i;

type Options = Pick<PeersOptions, "tls">;

/** {@link Onlooker} over HTTP and HTTPS. */
export class OnlookerHttp implements Onlooker {
  readonly #options: () => Options | Promise<Options>;

  /** @param options Asked for every look, so that new ones take effect; may reject. */
  constructor(options: () => Options | Promise<Options>) {
    this.#options = options;
  }

  async look(members: readonly Member[]): Promise<readonly MemberLook[]> {
    try {
      return await lookAtAll(members, (await this.#options()).tls);
    } catch (error) {
      const detail = `it was not asked: ${messageOf(error)}`;
      return members.map(({ name }) => silent(name, detail));
    }
  }
}

async function lookAtAll(
  members: readonly Member[],
  tls: PeersTls | null,
): Promise<readonly MemberLook[]> {
  const looks = new Map<number, MemberLook>();
  const left = [...members.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, member] = next;
      looks.set(index, await lookAt(member, tls));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return [...looks].toSorted(([one], [other]) => one - other)
    .map(([, look]) => look);
}

async function lookAt(
  { name, apiUrl }: Member,
  tls: PeersTls | null,
): Promise<MemberLook> {
  const [answer, factsText] = await Promise.all([
    answerOf(name, apiUrl, tls),
    get(apiUrl, { path: "/ui/facts", tls }).catch(() => null),
  ]);
  return { answer, factsText };
}

async function answerOf(
  name: string,
  apiUrl: string | null,
  tls: PeersTls | null,
): Promise<PeerAnswer> {
  try {
    // Whatever its status: the document says the rest.
    const body = await get(apiUrl, { path: "", tls, isAnyStatus: true });
    return decodeStatus(name, body ?? "");
  } catch (error) {
    return silent(name, why(error, apiUrl, tls)).answer;
  }
}

/** Why there was no answer, with what may be wrong with the own certificate. */
function why(
  error: unknown,
  apiUrl: string | null,
  tls: PeersTls | null,
): string {
  const text = messageOf(error);
  if (!apiUrl?.startsWith("https:") || !REFUSED.test(text)) return text;
  const isShown = tls !== null && tls.cert !== null;
  if (isShown) {
    return `${text}; it may not take the certificate of ctl.certfile`;
  }
  const need = "ask for a client certificate, and none is set here " +
    "(ctl.certfile, ctl.keyfile)";
  return /certificate ?required/i.test(text)
    ? `it ${need.replace("ask", "asks")}`
    : `${text}; it may ${need}`;
}

function silent(name: string, detail: string): MemberLook {
  return { answer: { kind: "silent", name, detail }, factsText: null };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What is asked for, and how. */
interface Question {
  /** Empty: what the member's own address names. */
  readonly path: string;
  readonly tls: PeersTls | null;
  readonly isAnyStatus?: boolean;
}

/** The body; null: another status than 200. Rejects where nothing comes. */
async function get(
  apiUrl: string | null,
  { path, tls, isAnyStatus = false }: Question,
): Promise<string | null> {
  const base = apiUrl === null ? null : URL.parse(apiUrl);
  const url = base === null || path === "" ? base : URL.parse(path, base);
  if (url === null) throw new Error("it has no usable api_url");
  const call = { timeoutMs: TIMEOUT_MS, body: null };
  const reply = await send(url, { tls, credentials: null }, call);
  return isAnyStatus || reply.status === OK ? reply.body : null;
}
