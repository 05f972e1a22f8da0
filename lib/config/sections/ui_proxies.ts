/** Key `ui_proxies`, ours: where stand-alone proxies show their statistics. */
import { Wanted } from "../fields.ts";
import type { ValueType } from "../keys/key.ts";
import { anything } from "../keys/types.ts";

/** Each is asked while somebody looks. */
const PROXIES_MAX = 64;

/** The addresses, without a path. */
export const uiProxies: ValueType<readonly string[]> = {
  ...anything,
  read: (value) => {
    const list = Array.isArray(value) ? value : [value];
    const urls = list.map(addressIn);
    const origins = urls.flatMap((url) => url === null ? [] : [url.origin]);
    const isUsable = urls.length === origins.length &&
      origins.length <= PROXIES_MAX;
    return isUsable ? [...new Set(origins)] : new Wanted(
      `a list of at most ${PROXIES_MAX} addresses of statistics ports, as ` +
        "http://HOST:7000, without user, password and path",
    );
  },
};

function addressIn(item: unknown): URL | null {
  const url = typeof item === "string" ? URL.parse(item) : null;
  const isPlain = url !== null && /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === "" &&
    url.pathname === "/";
  return isPlain ? url : null;
}
