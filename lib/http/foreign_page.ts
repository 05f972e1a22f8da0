/**
 * Whether an unsafe request was made by a page of another site in somebody's
 * browser. Such a request carries the rights of the person, who may stand behind
 * a firewall or have given a password; programs send none of these headers.
 *
 * Source: Fetch standard, "Origin header" and "Sec-Fetch-Site".
 */
import { isIP } from "node:net";

/** What a browser says of the page behind a request; null: the header is absent. */
export interface PageHeaders {
  readonly origin: string | null;
  readonly host: string | null;
  readonly fetchSite: string | null;
}

/**
 * Whether to refuse. A page that this API served would have the same host as the
 * request, which must be an address or a known name: a page of a name that was
 * rebound to our address has its own name in both headers.
 *
 * @param ownNames Host names under which this API is reached.
 */
export function isForeignPage(
  { origin, host, fetchSite }: PageHeaders,
  ownNames: readonly string[],
): boolean {
  if (fetchSite !== null && !["same-origin", "none"].includes(fetchSite)) {
    return true;
  }
  if (origin === null) return false;
  const page = URL.parse(origin);
  if (page === null || page.host !== host?.toLowerCase()) return true;
  const name = page.hostname.replace(/^\[(.*)\]$/, "$1");
  return isIP(name) === 0 && !["localhost", ...ownNames].includes(name);
}
