/**
 * Calls to the REST API of members. Where a member listens is what it published
 * itself; the command line asks nobody else.
 *
 * Source: docs/contract/cli.md A3.
 */
import type { Member } from "../core/model/member.ts";
import type { HttpReply } from "./context.ts";
import type { Session } from "./session.ts";

/** One call to one member. */
export interface MemberCall {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Replaces the path of the member's `api_url`. */
  readonly path: string;
  /** Sent as JSON; absent: no body. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** Absent: 10 s for a look, 5 min for a change. */
  readonly timeoutMs?: number;
}

const READ_TIMEOUT_MS = 10_000;

/** A switchover answers when it is over, which may take several loop_waits. */
const WRITE_TIMEOUT_MS = 300_000;

/**
 * Calls a member.
 *
 * @throws {Error} If there is no address or no complete answer.
 */
export async function callMember(
  { context, settings }: Session,
  member: Member,
  call: MemberCall,
): Promise<HttpReply> {
  if (member.apiUrl === null) {
    throw new Error(`Member ${member.name} published no api_url`);
  }
  const { credentials, tls } = settings;
  return await context.send({
    method: call.method,
    url: new URL(call.path, member.apiUrl).href,
    headers: {
      // A look needs none, and every member is asked for one.
      ...(credentials === null || call.method === "GET" ? {} : {
        authorization: `Basic ${
          base64(`${credentials.username}:${credentials.password}`)
        }`,
      }),
      ...(call.body === undefined
        ? {}
        : { "content-type": "application/json" }),
    },
    body: call.body === undefined ? null : JSON.stringify(call.body),
    tls,
    timeoutMs: call.timeoutMs ??
      (call.method === "GET" ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS),
  });
}

/** Passwords may hold any character, `btoa` only takes bytes. */
function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
