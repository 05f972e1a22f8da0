/**
 * From what is configured to the addresses to call: SRV records, host names, and
 * the members' client URLs that a peer tells.
 *
 * Source: docs/contract/configuration.md 3.7.
 */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { EtcdOptions } from "./options.ts";
import { readTls } from "./options.ts";
import type { EtcdResolver } from "./resolver.ts";
import { withoutTrailing } from "../../core/base/trailing.ts";

/** Tried in this order, the first that has records wins; `-ssl` means https. */
const SRV_SERVICES = [
  "etcd-client-ssl",
  "etcd-client",
  "etcd-ssl",
  "etcd",
  "etcd-server-ssl",
  "etcd-server",
];

const PEER_TIMEOUT_MS = 2000;
const PEER_ANSWER_MAX_BYTES = 1 << 20;

/** Whether {@link discover} has something to look up. */
export function needsDiscovery(options: EtcdOptions): boolean {
  if (options.srv !== undefined) return true;
  return options.isProxied !== true && options.endpoints.some(isNamed);
}

/**
 * The configured endpoints, or those of the SRV records, with names resolved.
 *
 * @throws {Error} If DNS does not answer, or has no such service.
 */
export async function discover(
  options: EtcdOptions,
  resolver: EtcdResolver,
): Promise<readonly string[]> {
  const { srv, endpoints } = options;
  const found = srv === undefined
    ? endpoints
    : await servicesOf(options, resolver);
  return options.isProxied === true ? found : await resolved(found, resolver);
}

/**
 * Each http endpoint once per address of its host, without doubles. A name of
 * https stays: the certificate is checked against it. So does one that DNS does
 * not know now.
 */
export async function resolved(
  endpoints: readonly string[],
  resolver: EtcdResolver,
): Promise<readonly string[]> {
  const each = await Promise.all(endpoints.map(async (endpoint) => {
    if (!isNamed(endpoint)) return [endpoint];
    const { hostname, port } = new URL(endpoint);
    try {
      const addresses = await resolver.addresses(hostname);
      return addresses.map((address) => urlOf("http", address, port));
    } catch {
      return [endpoint];
    }
  }));
  return [...new Set(each.flat())];
}

async function servicesOf(
  options: EtcdOptions,
  resolver: EtcdResolver,
): Promise<readonly string[]> {
  const { srv = "", srvSuffix } = options;
  const ending = srvSuffix === undefined ? "" : `-${srvSuffix}`;
  for (const service of SRV_SERVICES) {
    const name = `_${service}${ending}._tcp.${srv}`;
    const protocol = service.endsWith("-ssl") ? "https" : "http";
    const hosts = (await resolver.services(name))
      .map(({ host, port }) => urlOf(protocol, host, String(port)));
    const isOfPeers = service.startsWith("etcd-server");
    const found = isOfPeers
      ? await clientUrls(await resolved(hosts, resolver), options)
      : hosts;
    if (found.length > 0) return found;
  }
  throw new Error(`DNS has no etcd service of the domain ${srv}`);
}

/** What the first peer that answers calls the members' client addresses. */
async function clientUrls(
  peers: readonly string[],
  options: EtcdOptions,
): Promise<readonly string[]> {
  for (const peer of peers) {
    try {
      const text = await fetchText(`${peer}/members`, options);
      const usable = usableUrls(clientUrlsIn(JSON.parse(text)), peers);
      if (usable.length > 0) return usable;
    } catch {
      // The next peer may know.
    }
  }
  return [];
}

/** `[{"clientURLs": ["http://..."]}]`, and whatever else may be there. */
function clientUrlsIn(answer: unknown): readonly string[] {
  if (!Array.isArray(answer)) return [];
  return answer.flatMap((member: unknown): readonly string[] => {
    const isMember = typeof member === "object" && member !== null &&
      "clientURLs" in member;
    const urls: unknown = isMember ? member.clientURLs : [];
    return Array.isArray(urls) ? urls.filter(isText) : [];
  });
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Client URLs that may be called: never less secure than where they come from. */
export function usableUrls(
  urls: readonly string[],
  from: readonly string[],
): readonly string[] {
  const mustBeSecure = from.every((url) => url.startsWith("https:"));
  return urls.map((url) => withoutTrailing(url, "/")).filter((url) =>
    URL.canParse(url) && (mustBeSecure ? /^https:/ : /^https?:/).test(url)
  );
}

/** `fetch` cannot use a client certificate on Deno; node:https can. */
function fetchText(url: string, options: EtcdOptions): Promise<string> {
  const isSecure = url.startsWith("https:");
  const tls = isSecure ? readTls(options.tls ?? {}) : {};
  const signal = AbortSignal.timeout(PEER_TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    const request = (isSecure ? httpsRequest : httpRequest)(
      url,
      { ...tls, agent: false, signal },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
          if (text.length > PEER_ANSWER_MAX_BYTES) response.destroy();
        });
        response.on("error", reject);
        response.on("close", () => resolve(text));
      },
    );
    request.on("error", reject);
    // Deno does not end a request that waits for DNS.
    signal.addEventListener("abort", () => reject(signal.reason));
    request.end();
  });
}

function isNamed(endpoint: string): boolean {
  if (!endpoint.startsWith("http:")) return false;
  const hostname = URL.parse(endpoint)?.hostname ?? "";
  return hostname !== "" && !hostname.startsWith("[") && isIP(hostname) === 0;
}

function urlOf(protocol: string, host: string, port: string): string {
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return `${protocol}://${name}:${port || "80"}`;
}
