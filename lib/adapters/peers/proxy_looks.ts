/**
 * Looks at stand-alone proxies for the cluster page: what their statistics port
 * says, each within its time limit; nothing of it goes into the log.
 */
import {
  asObject,
  type JsonObject,
  parseJsonObject,
  readCount,
  readText,
} from "../../core/codec/json.ts";
import type { ProxyLook } from "../../ports/onlooker.ts";
import { send } from "./peers_http.ts";

const TIMEOUT_MS = 2_000;

/** Whom to ask, and how. */
export interface ProxyQuestion {
  /** `http[s]://HOST:PORT` of each. */
  readonly urls: readonly string[];
  readonly scope: string;
  /** Of the statistics; null: no login is tried. */
  readonly login:
    | { readonly username: string; readonly password: string }
    | null;
}

/** In the order of the addresses. Never rejects. */
export async function lookAtProxies(
  question: ProxyQuestion,
): Promise<readonly ProxyLook[]> {
  return await Promise.all(
    question.urls.map((url) => lookAt(url, question)),
  );
}

async function lookAt(
  address: string,
  { scope, login }: ProxyQuestion,
): Promise<ProxyLook> {
  const name = address.replace(/^https?:\/\//, "");
  const silent = (detail: string): ProxyLook => ({
    ...{ name, kind: "silent", detail },
  });
  try {
    const ask = async (path: string) => {
      const url = new URL(path, address);
      url.username = encodeURIComponent(login?.username ?? "");
      url.password = encodeURIComponent(login?.password ?? "");
      const how = { tls: null, credentials: null };
      return await send(url, how, { timeoutMs: TIMEOUT_MS, body: null });
    };
    const own = await ask(`/${encodeURIComponent(scope)}/stats`);
    // An older proxy is of one cluster, and knows no such page.
    const { status, body } = own.status === 404 ? await ask("/stats") : own;
    if (status === 401) {
      return silent("it asks for a login other than proxy.stats_username here");
    }
    const told = parseJsonObject(body);
    if (status !== 200 || told === null) {
      return silent(`what answers is no proxy of ours (${status})`);
    }
    if (told["scope"] !== scope) return silent("it serves another cluster");
    return {
      ...{ name, kind: "answered", version: readText(told["version"]) ?? "" },
      ...clientsIn(told),
    };
  } catch (error) {
    return silent(error instanceof Error ? error.message : String(error));
  }
}

/** Of all its ports together. */
function clientsIn(
  told: JsonObject,
): { readonly sessions: number; readonly held: number } {
  const ports = Object.values(asObject(told["ports"]) ?? {}).map(asObject);
  const sum = (field: string): number =>
    ports.reduce((all, one) => all + (readCount(one?.[field]) ?? 0), 0);
  return { sessions: sum("sessions"), held: sum("held") };
}
