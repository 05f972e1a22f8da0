/**
 * How an agent hands its proxy the configuration that is in force, decoded: as
 * one JSON text on the standard input, a pipe that nobody else can read. So the
 * proxy need not load what reads configurations, and one that is started again
 * goes by what the agent goes by, not by a file that was changed since.
 */
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import { MATRIARCH_VERSION } from "./versions.ts";

/** Set where there is something on the standard input. */
export const HANDED_VARIABLE = "MATRIARCH_PROXY_HANDED";

/** An agent that froze while it wrote must not keep the proxy waiting. */
const READ_MS = 5_000;

interface Handed {
  readonly version: string;
  readonly config: ProxyHostConfig;
}

/** The text to hand over. */
export function handedText(config: ProxyHostConfig): string {
  return JSON.stringify({ version: MATRIARCH_VERSION, config });
}

/**
 * What was handed over; null: nothing that this version can use, so the proxy has
 * to read its configuration itself.
 */
export async function takeHanded(
  input: ReadableStream<Uint8Array<ArrayBuffer>> = Deno.stdin.readable,
): Promise<ProxyHostConfig | null> {
  const isHanded = Deno.env.has(HANDED_VARIABLE);
  Deno.env.delete(HANDED_VARIABLE);
  return isHanded ? handedConfig(await textOf(input)) : null;
}

/** The configuration in a text that was handed over. */
export function handedConfig(text: string): ProxyHostConfig | null {
  try {
    const handed: unknown = JSON.parse(text);
    // After an upgrade the file that is started may be newer than its agent.
    return isOurs(handed) ? handed.config : null;
  } catch {
    // Its agent died before it had written all.
    return null;
  }
}

/** Written by an agent of this very version, whose types are these. */
function isOurs(value: unknown): value is Handed {
  return typeof value === "object" && value !== null && "version" in value &&
    value.version === MATRIARCH_VERSION && "config" in value;
}

/** What came in time; empty if the end did not. */
async function textOf(
  input: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<string> {
  const limit = Promise.withResolvers<string>();
  const timer = setTimeout(() => limit.resolve(""), READ_MS);
  try {
    return await Promise.race([new Response(input).text(), limit.promise]);
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
  }
}
