/** Reads the agent's messages; what is not one is null. */
import type { AgentMessage } from "../lib/ports/proxy_process.ts";

import { decodeFenceWord } from "./fence_codec.ts";

/** The message in one line, or null if it is none. */
export function decodeAgentMessage(line: string): AgentMessage | null {
  const fields = fieldsOf(line);
  switch (fields["type"]) {
    case "bye":
      return { type: "bye" };
    case "drain": {
      const { ms } = fields;
      return typeof ms === "number" ? { type: "drain", ms } : null;
    }
    case "retire":
      return { type: "retire" };
    case "stop":
      return { type: "stop" };
    case "look":
      return { type: "look" };
    case "heartbeat":
      return decodeHeartbeat(fields);
    default:
      return null;
  }
}

function decodeHeartbeat(
  fields: Readonly<Record<string, unknown>>,
): AgentMessage | null {
  const { pid, role, leaseDeadlineMs, fence: given } = fields;
  if (typeof pid !== "number" || typeof role !== "string") return null;
  if (leaseDeadlineMs !== null && typeof leaseDeadlineMs !== "number") {
    return null;
  }
  const fence = decodeFenceWord(given);
  return { type: "heartbeat", pid, role, leaseDeadlineMs, fence };
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return {};
    return { ...value };
  } catch {
    return {};
  }
}
