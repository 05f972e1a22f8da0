/**
 * Reads what a request says: path, query and body, by Patroni's rules (bodies
 * only by Content-Length, first non-empty value of a parameter).
 *
 * Source: docs/contract/rest-api.md 2.3, 2.4.
 */
import { asObject, type JsonObject, parseJson } from "../core/codec/json.ts";
import { PageProblem } from "./problems.ts";

/** No configuration is larger; node_bridge.ts does not even read what is. */
export const BODY_BYTES_MAX = 1 << 20;

/** Path of the URL, not decoded, slashes at its start made one. */
export function pathOf(url: string): string {
  return new URL(url).pathname.replace(/^\/+/, "/");
}

/** `/` and the first segment of the path: what chooses the handler. */
export function firstSegment(url: string): string {
  return `/${pathOf(url).split("/")[1] ?? ""}`;
}

/** The first non-empty value of each parameter. */
export function queryOf(url: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of new URL(url).searchParams) {
    if (value !== "" && !query.has(name)) query.set(name, value);
  }
  return query;
}

/**
 * The JSON object that the request must carry.
 *
 * @throws {PageProblem} 411 without Content-Length, 400 for anything that is no
 * JSON object or an empty one, 413 if it is too large.
 */
export async function mandatoryBody(request: Request): Promise<JsonObject> {
  const length = contentLength(request);
  if (length === null) throw new PageProblem(411);
  const body = await readObject(request, length);
  if (Object.keys(body).length === 0) throw new PageProblem(400);
  return body;
}

/**
 * The JSON object that the request may carry; `{}` without a body.
 *
 * @throws {PageProblem} 400 for anything that is no JSON object, 413 if it is
 * too large.
 */
export async function optionalBody(request: Request): Promise<JsonObject> {
  const length = contentLength(request) ?? 0;
  return length === 0 ? {} : await readObject(request, length);
}

function contentLength(request: Request): number | null {
  const header = request.headers.get("content-length");
  if (header === null) return null;
  const length = /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
  if (Number.isNaN(length)) throw new PageProblem(400);
  if (length > BODY_BYTES_MAX) throw new PageProblem(413);
  return length;
}

async function readObject(
  request: Request,
  length: number,
): Promise<JsonObject> {
  const bytes = length === 0 ? new Uint8Array() : await request.bytes();
  if (bytes.length > BODY_BYTES_MAX) throw new PageProblem(413);
  const body = asObject(parseJson(decodeUtf8(bytes)));
  if (body === null) throw new PageProblem(400);
  return body;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new PageProblem(400);
  }
}
