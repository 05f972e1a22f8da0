/** Reads what the agent and other proxies say; what is no message is null. */
import type {
  AgentMessage,
  AgentWord,
  ProxyRefusal,
  ProxyState,
  StoreProof,
  SuccessorMessage,
} from "../lib/ports/proxy_process.ts";

import { isRevisionText } from "../lib/core/base/units.ts";
import { isProcessId } from "../lib/core/base/process_id.ts";
import { decodeFenceWord } from "./fence_codec.ts";

/** What comes in through the control socket. */
export type ControlMessage = AgentMessage | SuccessorMessage;

/** What a proxy answers to the one that takes over from it. */
export type PredecessorAnswer = ProxyState | ProxyRefusal | AgentWord;

/** The message in one line, or null if it is none. */
export function decodeControlMessage(line: string): ControlMessage | null {
  const fields = fieldsOf(line);
  switch (fields["type"]) {
    case "bye":
      return { type: "bye" };
    case "drain": {
      const { ms } = fields;
      return typeof ms === "number" ? { type: "drain", ms } : null;
    }
    case "stop":
      return { type: "stop" };
    case "look":
      return { type: "look" };
    case "yield":
      return { type: "yield" };
    case "take_over": {
      const { inbox } = fields;
      return { type: "take_over", inbox: textOf(inbox) };
    }
    case "heartbeat":
      return decodeHeartbeat(fields);
    default:
      return null;
  }
}

/** The answer in one line, or null if it is none. */
export function decodeAnswer(line: string): PredecessorAnswer | null {
  const fields = fieldsOf(line);
  const { type, pid, reason, sessions, held } = fields;
  switch (type) {
    case "refusal":
      return { type, reason: textOf(reason) ?? "no reason given" };
    case "word": {
      const { heartbeat, vipElection } = fields;
      return {
        type,
        heartbeat: decodeHeartbeat(recordOf(heartbeat)),
        vipElection: textOf(vipElection),
      };
    }
    case "state":
      return {
        type,
        pid: isProcessId(pid) ? pid : 0,
        version: textOf(fields["version"]) ?? "unknown",
        edition: textOf(fields["edition"]),
        sessions: numberOf(sessions),
        held: numberOf(held),
        isFenceArmed: fields["isFenceArmed"] === true,
      };
    default:
      return null;
  }
}

function decodeHeartbeat(
  fields: Readonly<Record<string, unknown>>,
): Extract<AgentMessage, { type: "heartbeat" }> | null {
  const { pid, role, leaseDeadlineMs, fence: given } = fields;
  if (!isProcessId(pid) || typeof role !== "string") return null;
  if (leaseDeadlineMs !== null && typeof leaseDeadlineMs !== "number") {
    return null;
  }
  const fence = decodeFenceWord(given);
  const storeProof = decodeProof(recordOf(fields["storeProof"]));
  const { aliveEveryMs: every } = fields;
  const aliveEveryMs = typeof every === "number" && every > 0 ? every : null;
  const isInDoubt = fields["isInDoubt"] === true;
  const word = { pid, role, leaseDeadlineMs, storeProof, fence, isInDoubt };
  return { type: "heartbeat", ...word, aliveEveryMs };
}

function decodeProof(
  { revision, askedAtMs }: Readonly<Record<string, unknown>>,
): StoreProof | null {
  if (!isRevisionText(revision)) return null;
  return typeof askedAtMs === "number" ? { revision, askedAtMs } : null;
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(line));
  } catch {
    return {};
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
