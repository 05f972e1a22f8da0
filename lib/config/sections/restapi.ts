/**
 * Sections `restapi` and `ctl`: where the agent answers, and how it and the
 * command line call others. Source: docs/contract/configuration.md 3.12, 3.13.
 */
import type * as z from "zod";
import {
  type HostPort,
  type ListenAddress,
  parseHostPort,
  parseListen,
} from "../addresses.ts";
import {
  flag,
  integer,
  isAbsent,
  mapped,
  optional,
  optionalText,
  type Read,
  required,
  requiredSection,
  section,
  text,
  textList,
  textMap,
  unless,
  Wanted,
} from "../fields.ts";
import type { Credentials, CtlConfig, RestApiConfig } from "../local_config.ts";

const NO_TEXTS: Readonly<Record<string, string>> = {};

const readListen: Read<ListenAddress> = mapped(
  text,
  (value) => parseListen(value, null) ?? new Wanted("<HOST>:<PORT>"),
);

const readAddress: Read<HostPort> = mapped(
  text,
  (value) => parseHostPort(value, null) ?? new Wanted("<HOST>:<PORT>"),
);

/** Those of every reply that the server makes itself. */
const OWN_HEADERS = /^(?:connection|content-length|transfer-encoding)$/i;

/**
 * One header that can not be sent would take away every reply.
 *
 * Source: RFC 9110, 5.1 and 5.5.
 */
const readHeaders = mapped(textMap, (headers) => {
  const isEach = Object.entries(headers).every(([name, value]) =>
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !OWN_HEADERS.test(name) &&
    /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
  );
  return isEach ? headers : new Wanted(
    "names and values of HTTP headers, of other ones than Connection, " +
      "Content-Length and Transfer-Encoding",
  );
});

const credentials: z.ZodType<Credentials | null> = unless(
  isAbsent,
  requiredSection({ username: required(text), password: required(text) }),
);

/** Schema of the section `restapi`. */
export const restApiSection: z.ZodType<RestApiConfig> = requiredSection({
  listen: required(readListen),
  connect_address: optional(readAddress, null),
  authentication: credentials,
  certfile: optionalText(),
  keyfile: optionalText(),
  keyfile_password: optionalText(),
  cafile: optionalText(),
  ciphers: optionalText(),
  verify_client: optional<unknown, string>((value) => value, "none"),
  allowlist: optional(textList, null),
  allowlist_include_members: flag(),
  http_extra_headers: optional(readHeaders, NO_TEXTS),
  https_extra_headers: optional(readHeaders, NO_TEXTS),
  request_queue_size: optional(integer({ min: 0, max: 4096 }), 5),
  server_tokens: optional<unknown, string>((value) => value, "original"),
}).transform((raw): RestApiConfig => ({
  listen: raw.listen,
  connectAddress: raw.connect_address ?? firstAddress(raw.listen),
  authentication: raw.authentication,
  certfile: raw.certfile,
  keyfile: raw.keyfile,
  keyfilePassword: raw.keyfile_password,
  cafile: raw.cafile,
  ciphers: raw.ciphers,
  verifyClient: verifyClientOf(raw.verify_client) ?? "none",
  allowlist: raw.allowlist,
  isMembersAllowed: raw.allowlist_include_members,
  httpExtraHeaders: raw.http_extra_headers,
  httpsExtraHeaders: raw.https_extra_headers,
  requestQueueSize: raw.request_queue_size,
  serverTokens: serverTokensOf(raw.server_tokens) ?? "original",
}));

/** Schema of the section `ctl`; what it lacks is filled in by `schema.ts`. */
export const ctlSection: z.ZodType<CtlConfig> = section({
  authentication: credentials,
  insecure: flag(),
  cacert: optionalText(),
  certfile: optionalText(),
  keyfile: optionalText(),
  keyfile_password: optionalText(),
  peer_timeout: optional(integer({ min: 1, max: 3_600, unit: "s" }), 2),
}).transform((raw): CtlConfig => ({
  authentication: raw.authentication,
  isInsecure: raw.insecure,
  cacert: raw.cacert,
  certfile: raw.certfile,
  keyfile: raw.keyfile,
  keyfilePassword: raw.keyfile_password,
  peerTimeoutMs: raw.peer_timeout * 1000,
}));

/** Meaning of `restapi.verify_client`, `null` for a text that has none. */
export function verifyClientOf(
  value: unknown,
): RestApiConfig["verifyClient"] | null {
  switch (String(value).toLowerCase()) {
    case "none":
      return "none";
    case "optional":
      return "optional";
    case "required":
      return "required";
    default:
      return null;
  }
}

/** Meaning of `restapi.server_tokens`, `null` for a text that has none. */
export function serverTokensOf(
  value: unknown,
): RestApiConfig["serverTokens"] | null {
  switch (String(value).toLowerCase()) {
    case "original":
      return "original";
    case "minimal":
      return "minimal";
    case "productonly":
      return "productonly";
    default:
      return null;
  }
}

function firstAddress(listen: ListenAddress): HostPort {
  return { host: listen.hosts[0] ?? "localhost", port: listen.port };
}
