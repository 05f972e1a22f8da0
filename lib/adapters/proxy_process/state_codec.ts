/** Reads the proxy's answers; what is not one is null. */
import { isProcessId } from "../../core/base/process_id.ts";
import type { ProxyState } from "../../ports/proxy_process.ts";

/** The state in one line, or null if it is none. */
export function decodeProxyState(line: string): ProxyState | null {
  const fields = fieldsOf(line);
  const { type, pid, sessions, held } = fields;
  if (type !== "state" || !isProcessId(pid)) return null;
  if (typeof sessions !== "number" || typeof held !== "number") return null;
  const isFenceArmed = fields["isFenceArmed"] === true;
  const version = textOf(fields["version"]) ?? "unknown";
  const edition = textOf(fields["edition"]);
  return { type, pid, version, edition, sessions, held, isFenceArmed };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
