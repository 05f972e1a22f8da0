/**
 * Who may send unsafe requests: no page of another site, then allowlist, client certificate, password, in this
 * order, and the first failure answers.
 *
 * Source: docs/contract/rest-api.md 3.
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { addressesOf, plainAddress } from "./allowlist.ts";
import type { ClientInfo, RestContext, RestEnv } from "./context.ts";
import { isForeignPage, type PageHeaders } from "./foreign_page.ts";
import type { RestCredentials, RestSettings } from "./rest_settings.ts";

/**
 * Whether the addresses of members count: where `restapi.allowlist_include_members`
 * says so, or, at `/failsafe`, where nothing else tells a member from a stranger,
 * who could keep the replicas from taking over.
 */
export type MembersRule = "members_may_be_allowed" | "members_only";

/** Hono middleware that lets only those pass who may send unsafe requests. */
export function guard(
  context: RestContext,
  membersRule: MembersRule = "members_may_be_allowed",
): MiddlewareHandler<RestEnv> {
  return async (c, next) => {
    const client = c.env?.client ?? null;
    const page = {
      origin: c.req.header("origin") ?? null,
      host: c.req.header("host") ?? null,
      fetchSite: c.req.header("sec-fetch-site") ?? null,
    };
    const refusal = pageRefusal(context, page) ??
      await addressRefusal(context, client, membersRule) ??
      certificateRefusal(context, client) ??
      passwordRefusal(context, c.req.header("authorization") ?? null);
    if (refusal === null) await next();
    return refusal ?? undefined;
  };
}

function pageRefusal(
  { replies, settings }: RestContext,
  page: PageHeaders,
): Response | null {
  return isForeignPage(page, settings().ownNames)
    ? replies.text(403, "Requests of pages of other sites are refused")
    : null;
}

async function addressRefusal(
  context: RestContext,
  client: ClientInfo | null,
  membersRule: MembersRule,
): Promise<Response | null> {
  const { allowlist } = context.settings();
  const hasMembers = doMembersCount(context.settings(), membersRule);
  if (allowlist === null && !hasMembers) return null;
  const address = client?.address ?? "";
  if (allowlist?.includes(address)) return null;
  if (hasMembers && await isMemberAddress(context, address)) return null;
  return context.replies.text(403, "Access is denied");
}

function certificateRefusal(
  context: RestContext,
  client: ClientInfo | null,
): Response | null {
  const isWanted = context.settings().isClientCertificateWanted;
  if (!isWanted || client?.isTls !== true || client.hasCertificate) return null;
  return context.replies.text(403, "client certificate required");
}

function passwordRefusal(
  context: RestContext,
  header: string | null,
): Response | null {
  const { credentials } = context.settings();
  if (credentials === null) return null;
  const text = header === null
    ? "no auth header received"
    : isAuthenticated(header, credentials)
    ? null
    : "not authenticated";
  if (text === null) return null;
  return context.replies.text(401, text, {
    "WWW-Authenticate": 'Basic realm="Patroni"',
  });
}

/** Hashes of equal length, so that neither text nor length shows in the time. */
function isAuthenticated(
  header: string,
  { username, password }: RestCredentials,
): boolean {
  const wanted = Buffer.from(`${username}:${password}`).toString("base64");
  const given = createHash("sha256").update(header).digest();
  return timingSafeEqual(
    given,
    createHash("sha256").update(`Basic ${wanted}`).digest(),
  );
}

function doMembersCount(settings: RestSettings, rule: MembersRule): boolean {
  const { allowlist, credentials, isClientCertificateWanted } = settings;
  return rule === "members_may_be_allowed"
    ? settings.isMembersAllowed
    : allowlist === null && credentials === null && !isClientCertificateWanted;
}

/** By the last view of the store, and by whom a leader asks without it. */
async function isMemberAddress(
  { api }: RestContext,
  address: string,
): Promise<boolean> {
  const plain = plainAddress(address);
  const urls = [
    ...(api.glance().view?.members ?? []).map(({ apiUrl }) => apiUrl),
    ...Object.values(api.lastFailsafeMap() ?? {}),
  ];
  const hosts = [...new Set(urls.map(hostOf))]
    .filter((host) => host !== null);
  const known = await Promise.all(hosts.map(addressesOf));
  return known.some((addresses) => addresses.includes(plain));
}

function hostOf(apiUrl: string | null): string | null {
  const url = apiUrl === null ? null : URL.parse(apiUrl);
  return url === null || url.hostname === "" ? null : url.hostname;
}
