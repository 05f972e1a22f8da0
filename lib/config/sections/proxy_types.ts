/** Kinds of values that only the proxy's section has. */
import { isIP } from "node:net";
import { Wanted } from "../fields.ts";
import type { ValueType } from "../keys/key.ts";
import {
  changed,
  durationMs,
  oneOf,
  port,
  text,
  textListOrCommas,
} from "../keys/types.ts";

/** Addresses without port, with commas. */
export const hosts: ValueType<readonly string[]> = changed(text, (value) => {
  const parts = value.split(",").map((item) =>
    item.trim().replace(/^\[(.*)\]$/, "$1")
  );
  const isEach = parts.every((host) =>
    /^(?:[^\s/@[\]:]+|[0-9a-f:.]+)$/i.test(host)
  );
  return isEach
    ? parts
    : new Wanted("addresses without port, such as * or 10.0.0.1,127.0.0.1");
});

/** `address/bits`. */
export const networks: ValueType<readonly string[]> = changed(
  textListOrCommas,
  (list) =>
    list.every(isNetwork)
      ? list
      : new Wanted("networks, such as 10.0.0.0/8 or 2001:db8::/32"),
);

/** As the proxy's networks.ts reads it. */
function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  const max = version === 4 ? 32 : 128;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= max);
}

/** The kernel takes 107 bytes, and the names of the sockets need some. */
const SOCKET_DIRECTORY_BYTES_MAX = 80;

/** For unix sockets. */
export const socketDirectory: ValueType<string> = changed(
  text,
  (path) =>
    path.startsWith("/") &&
      new TextEncoder().encode(path).length <= SOCKET_DIRECTORY_BYTES_MAX
      ? path
      : new Wanted(
        `an absolute path of at most ${SOCKET_DIRECTORY_BYTES_MAX} bytes`,
      ),
);

/** A port; `false`, or what YAML 1.1 takes for it, is none. */
export const portOrOff: ValueType<number | null> = {
  ...port,
  read: (value) => value === false ? null : port.read(value),
};

/** Less would leave no time between two renewals: the kernel counts in seconds. */
const VIP_TTL_MS_MIN = 4_000;

/** Milliseconds. */
export const vipTtl: ValueType<number> = changed(
  durationMs,
  (ms) => ms >= VIP_TTL_MS_MIN ? ms : new Wanted("a time of at least 4 s"),
);

/** `off`, which YAML 1.1 takes for false, or a version. */
const versions = oneOf(["off", "v1", "v2"]);
export const sendProxy: typeof versions = {
  ...versions,
  read: (value) => value === false ? "off" : versions.read(value),
};

/** Where a REST API answers, without anything behind its port. */
export const agentUrls: ValueType<readonly string[]> = changed(
  textListOrCommas,
  (list) => {
    const urls = list.map((one) => URL.parse(one));
    const isEach = urls.every((url) =>
      url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "" &&
      url.pathname === "/" && url.search === "" && url.username === ""
    );
    return isEach
      ? urls.flatMap((url) => url?.origin ?? [])
      : new Wanted("addresses of agents, such as https://db1:8008");
  },
);
