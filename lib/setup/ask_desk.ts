/** Asks a member's desk, with patience, and says what its answer means. */
import type { HostPort } from "../config/addresses.ts";
import type { HostRequest } from "../ports/host_desk.ts";
import type { DeskCall, DeskReply, SetupHost } from "../ports/setup.ts";
import { type Admission, decodeAdmission } from "./admission_codec.ts";
import type { Token } from "./token.ts";

/** Whom to ask, with what. */
export interface DeskPeer {
  readonly peer: HostPort;
  readonly token: Token;
}

/** What the host says of itself. */
export type Asked = Omit<HostRequest, "token" | "nowMs">;

/** What the desk said. */
export type DeskOutcome =
  | { readonly kind: "granted"; readonly value: Admission }
  | { readonly kind: "refused"; readonly text: string }
  /** `isBusy`: somebody is there, who cannot say yet. */
  | {
    readonly kind: "silent";
    readonly text: string;
    readonly isBusy: boolean;
  };

/** What asking works with. */
export interface DeskWorld {
  readonly host: Pick<SetupHost, "wallTimeMs" | "sleep">;
  askDesk(call: DeskCall): Promise<DeskReply>;
}

/** A first host that has just been started needs some seconds to listen. */
const UNREACHABLE_MS_MAX = 20_000;
/** And some more to have data. */
const BUSY_MS_MAX = 120_000;
const PAUSE_MS = 500;

/** Asks until somebody answers who can say yes or no. */
export async function askDesk(
  to: DeskPeer,
  asked: Asked,
  world: DeskWorld,
): Promise<DeskOutcome> {
  for (let waitedMs = 0;; waitedMs += PAUSE_MS) {
    const answer = await askOnce(to, asked, world);
    if (answer.kind !== "silent") return answer;
    const limitMs = answer.isBusy ? BUSY_MS_MAX : UNREACHABLE_MS_MAX;
    if (waitedMs >= limitMs) return answer;
    await world.host.sleep(PAUSE_MS);
  }
}

async function askOnce(
  { peer, token }: DeskPeer,
  asked: Asked,
  world: DeskWorld,
): Promise<DeskOutcome> {
  const { use, name, hosts, request, postgresMajors } = asked;
  const reply = await world.askDesk({
    ...{ peer, authorityHash: token.authorityHash },
    request: {
      ...{ use, name, hosts, request, postgresMajors },
      token: { id: token.id, secret: token.secret },
      nowMs: world.host.wallTimeMs(),
    },
  });
  return meaningOf(reply, `${peer.host}:${peer.port}`);
}

function meaningOf(reply: DeskReply, who: string): DeskOutcome {
  switch (reply.kind) {
    case "unreachable":
      return {
        kind: "silent",
        isBusy: false,
        text: `${who} does not answer: ${reply.why}. Is the first host up? ` +
          "The same call goes on from here",
      };
    case "untrusted":
      return {
        kind: "refused",
        text: `${who} is not believed, nothing was sent to it: ${reply.why}`,
      };
    case "answered": {
      const text = `${who} says: ${reply.text}`;
      if (reply.status === 503) return { kind: "silent", text, isBusy: true };
      if (reply.status !== 200) return { kind: "refused", text };
      const value = decodeAdmission(reply.document);
      if (value !== null) return { kind: "granted", value };
      return {
        kind: "refused",
        text: `${who} gave an answer that this version cannot read: use the ` +
          "same version of matriarch on all hosts",
      };
    }
  }
}
