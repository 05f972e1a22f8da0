/**
 * Sections `restapi` and `ctl`: where the agent answers, and how it and the
 * command line call others. Source: docs/contract/configuration.md 3.12, 3.13.
 */
import { parseHostPort, parseListen } from "../addresses.ts";
import { Wanted } from "../fields.ts";
import { type KeyMap, section } from "../keys/key.ts";
import {
  changed,
  flag,
  integer,
  secondsMs,
  text,
  textList,
  textMap,
  textOrNone,
  unusedInteger,
  wordOr,
} from "../keys/types.ts";
import { oneOf } from "../validate/checks.ts";
import { connectAddress, listenAddress } from "../validate/host_checks.ts";

const listen = changed(
  text,
  (value) => parseListen(value, null) ?? new Wanted("<HOST>:<PORT>"),
);

const address = changed(
  text,
  (value) => parseHostPort(value, null) ?? new Wanted("<HOST>:<PORT>"),
);

/** Those of every reply that the server makes itself. */
const OWN_HEADERS = /^(?:connection|content-length|transfer-encoding)$/i;

/**
 * One header that cannot be sent would take away every reply.
 *
 * Source: RFC 9110, 5.1 and 5.5.
 */
const headers = changed(textMap, (given) => {
  const isEach = Object.entries(given).every(([name, value]) =>
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !OWN_HEADERS.test(name) &&
    /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
  );
  return isEach ? given : new Wanted(
    "names and values of HTTP headers, of other ones than Connection, " +
      "Content-Length and Transfer-Encoding",
  );
});

const REST_LOGIN = {
  username: {
    type: text,
    isRequired: true,
    otherwise: "",
    meaning: "User for changes by REST",
  },
  password: {
    type: text,
    isRequired: true,
    otherwise: "",
    meaning: "Its password",
  },
} as const satisfies KeyMap;

const CTL_LOGIN = {
  username: {
    type: text,
    isRequired: true,
    otherwise: "restapi.authentication",
    meaning: "User for calls to other members",
  },
  password: {
    type: text,
    isRequired: true,
    otherwise: "restapi.authentication",
    meaning: "Its password",
  },
} as const satisfies KeyMap;

/** The keys of `restapi`, in the order of Patroni's validation. */
export const RESTAPI_KEYS = {
  listen: {
    type: listen,
    isRequired: true,
    check: listenAddress,
    meaning: "Address and port of the REST API",
  },
  connect_address: {
    type: address,
    otherwise: "restapi.listen",
    isExpected: true,
    check: connectAddress,
    meaning: "Where others reach it",
  },
  authentication: {
    type: section(REST_LOGIN),
    keys: REST_LOGIN,
    prefix: "RESTAPI",
  },
  certfile: { type: textOrNone, meaning: "Certificate; turns TLS on" },
  keyfile: { type: textOrNone, meaning: "Its key" },
  keyfile_password: { type: textOrNone, meaning: "Passphrase of the key" },
  cafile: { type: textOrNone, meaning: "Authorities of client certificates" },
  ciphers: { type: textOrNone, meaning: "OpenSSL cipher list" },
  verify_client: {
    type: wordOr({
      words: { none: "none", optional: "optional", required: "required" },
      otherwise: "none",
      doubt: (value) => `Bad value in the "restapi.verify_client": ${value}`,
    }),
    fallback: "none",
    check: oneOf("none", "optional", "required"),
    meaning: "none, optional (for changes) or required",
  },
  allowlist: {
    type: textList,
    meaning: "Who may make changes: addresses, networks, host names",
  },
  allowlist_include_members: {
    type: flag,
    field: "isMembersAllowed",
    fallback: false,
    meaning: "Other members may, too",
  },
  http_extra_headers: {
    type: headers,
    fallback: {},
    meaning: "Headers of each response",
  },
  https_extra_headers: {
    type: headers,
    fallback: {},
    meaning: "The same with TLS",
  },
  request_queue_size: {
    type: integer({ min: 0, max: 4096 }),
    fallback: 5,
    apply: "agent",
    meaning: "Length of the listen queue",
  },
  thread_pool_size: {
    type: unusedInteger({ min: 5 }),
    field: null,
    fallback: 5,
    apply: "agent",
    meaning: "Accepted; there are no threads",
  },
  server_tokens: {
    type: wordOr({
      words: {
        minimal: "minimal",
        productonly: "productonly",
        original: "original",
      },
      otherwise: "original",
      doubt: (value) =>
        `Bad value in the "restapi.server_tokens": ${value}, using original`,
    }),
    fallback: "original",
    meaning: "original, minimal or productonly",
  },
} as const satisfies KeyMap;

/** The keys of `ctl`; what is missing there `schema.ts` takes from `restapi`. */
export const CTL_KEYS = {
  authentication: {
    type: section(CTL_LOGIN),
    keys: CTL_LOGIN,
    prefix: "CTL",
    check: null,
  },
  insecure: {
    type: flag,
    field: "isInsecure",
    fallback: false,
    meaning: "Do not verify servers' certificates",
  },
  cacert: {
    type: textOrNone,
    otherwise: "restapi.cafile",
    meaning: "Authorities of servers' certificates",
  },
  certfile: { type: textOrNone, meaning: "Client certificate" },
  keyfile: { type: textOrNone, meaning: "Its key" },
  keyfile_password: { type: textOrNone, meaning: "Passphrase of the key" },
  peer_timeout: {
    type: secondsMs,
    field: "peerTimeoutMs",
    fallback: 2,
    variable: false,
    meaning: "Seconds that another member may take to answer",
  },
} as const satisfies KeyMap;
