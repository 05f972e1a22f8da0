/** The `failsafe` key: whom a leader asks when the DCS is away. */
import type { FailsafePing } from "../model/failsafe.ts";
import { encodeJson, parseJsonObject, readText } from "./json.ts";
import { firstEntries } from "./limits.ts";

/** Member name to its `api_url`. */
export type FailsafeMap = Readonly<Record<string, string>>;

/**
 * The map in the key; `null` if it is absent or no JSON object. Members without a
 * URL are skipped.
 *
 * Source: docs/contract/dcs.md 3.10.
 */
export function decodeFailsafe(text: string | null): FailsafeMap | null {
  const document = parseJsonObject(text ?? "");
  if (document === null) return null;
  return Object.fromEntries(
    firstEntries(document).flatMap(([name, value]) => {
      const url = readText(value);
      return url === null ? [] : [[name, url]];
    }),
  );
}

/** Compact JSON of the map, in the order given. */
export function encodeFailsafe(map: FailsafeMap): string {
  return encodeJson(map);
}

/**
 * Body of `POST /failsafe`; `ttl` in seconds is an addition of ours.
 *
 * Source: docs/contract/rest-api.md 12.
 */
export function encodeFailsafePing(ping: FailsafePing): string {
  return encodeJson({
    name: ping.name,
    conn_url: ping.connUrl,
    api_url: ping.apiUrl,
    slots: ping.slots,
    ...(ping.ttlMs === null ? {} : { ttl: ping.ttlMs / 1000 }),
  });
}
