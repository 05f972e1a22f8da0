/** Reads the proxy's answers; what is not one is null. */
import type { ProxyState } from "../../ports/proxy_process.ts";

/** The state in one line, or null if it is none. */
export function decodeProxyState(line: string): ProxyState | null {
  const fields = fieldsOf(line);
  const { type, pid, sessions, held } = fields;
  if (type !== "state" || typeof pid !== "number") return null;
  if (typeof sessions !== "number" || typeof held !== "number") return null;
  const isFenceArmed = fields["isFenceArmed"] === true;
  const key = fields["settingsKey"];
  const settingsKey = typeof key === "string" ? key : null;
  return { type, pid, sessions, held, isFenceArmed, settingsKey };
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
