/**
 * The member as a service of Consul's catalog, for who finds PostgreSQL by its
 * DNS. Pure: what to register; who sends it is `registrar.ts`.
 *
 * Source: docs/contract/dcs.md 10, service registration.
 */
import { objectOf } from "./wire.ts";

/** Settings of the section that say how. */
export interface ServiceSettings {
  readonly isRegistered: boolean;
  readonly tags: readonly string[];
  readonly checkInterval: string;
  /** Null: the host of the check's own URL. */
  readonly checkTlsServerName: string | null;
}

/** What the registration is made of. */
export interface ServicePlace {
  readonly scope: string;
  readonly member: string;
  /** Of the session, as Consul's TTL; a check that fails for ten of them ends the service. */
  readonly sessionSeconds: number;
}

/** The wish for Consul's agent. */
export type ServiceWish =
  | { readonly kind: "keep" }
  | { readonly kind: "deregister" }
  | { readonly kind: "register"; readonly body: ServiceBody };

/** As Consul's agent takes it. */
export type ServiceBody = Readonly<Record<string, unknown>>;

const ROLES: ReadonlySet<string> = new Set([
  "primary",
  "replica",
  "standby_leader",
]);
const NAME_LENGTH_MAX = 230;
const LIVES_WITHOUT_CHECK = 10;

/** The name under which Consul's DNS knows the scope. */
export function serviceName(scope: string): string {
  const name = scope.toLowerCase().replace(
    /[^a-z0-9-]/gu,
    (letter) =>
      /[._ ]/.test(letter)
        ? "-"
        : `u${String(letter.codePointAt(0)).padStart(4, "0")}`,
  );
  return name.slice(0, NAME_LENGTH_MAX);
}

/** What a member key says should be in the catalog. */
export function serviceWish(
  text: string,
  place: ServicePlace,
  settings: ServiceSettings,
): ServiceWish {
  const member = objectOf(parsed(text));
  const { state, role } = member;
  if (!settings.isRegistered || state === "stopped") {
    return { kind: "deregister" };
  }
  const [database, api] = [urlOf(member["conn_url"]), urlOf(member["api_url"])];
  const isReady = state === "running" && typeof role === "string" &&
    ROLES.has(role) && database !== null && api !== null;
  if (!isReady) return { kind: "keep" };
  const word = role.replaceAll("_", "-");
  const { tags, checkInterval, checkTlsServerName } = settings;
  return {
    kind: "register",
    body: {
      ID: `${place.scope}/${place.member}`,
      Name: serviceName(place.scope),
      Address: database.hostname.replace(/^\[(.*)\]$/, "$1"),
      Port: Number(database.port || 5432),
      Tags: [...tags, word, ...(role === "primary" ? ["master"] : [])],
      EnableTagOverride: true,
      Check: {
        HTTP: `${api.protocol}//${api.host}/${word}`,
        Interval: checkInterval,
        DeregisterCriticalServiceAfter: `${
          LIVES_WITHOUT_CHECK * place.sessionSeconds
        }s`,
        ...(checkTlsServerName === null
          ? {}
          : { TLSServerName: checkTlsServerName }),
      },
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function urlOf(value: unknown): URL | null {
  return typeof value === "string" ? URL.parse(value) : null;
}
