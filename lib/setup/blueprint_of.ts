/** The common part of a cluster, as the configuration of one of its members has it. */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import type { LocalConfig } from "../config/local_config.ts";
import { STORES } from "../config/stores/all.ts";
import type { Blueprint, CommonPart, StoreSection } from "./blueprint.ts";
import type { Login } from "./login.ts";
import { certificatePathsIn } from "./layout.ts";
import { commonStore, isOwnStore } from "./own_store.ts";

/** What a joining host cannot be told, each a sentence. */
export class BlueprintError extends Error {
  override readonly name: string = "BlueprintError";
}

/**
 * The blueprint.
 *
 * @param postgresMajor Of this member's programs.
 * @param dynamic The dynamic configuration.
 * @throws {BlueprintError} If a password that all share is not in the file.
 */
export function blueprintOf(
  config: LocalConfig,
  postgresMajor: number,
  dynamic: ConfigMap = {},
): Blueprint {
  const { superuser, replication } = config.postgresql.authentication;
  return {
    ...commonPartOf(config),
    superuser: loginOf("postgresql.authentication.superuser", superuser),
    replication: loginOf("postgresql.authentication.replication", replication),
    postgresMajor,
    vip: vipIn(config.document),
    isAccessShared: hasAccess(dynamic) && !hasAccess(config.document),
  };
}

/**
 * What of it a host without PostgreSQL is told.
 *
 * @throws {BlueprintError} As {@link blueprintOf}.
 */
export function commonPartOf(config: LocalConfig): CommonPart {
  const { document } = config;
  return {
    scope: config.scope,
    namespace: textAt(document, "namespace"),
    store: commonOf(storeIn(document), config.certificates.dir),
    rest: loginOf("restapi.authentication", config.restapi.authentication),
  };
}

function loginOf(
  key: string,
  role:
    | { readonly username: string | null; readonly password: string | null }
    | null,
): Login {
  const username = role?.username ?? null;
  const password = role?.password ?? null;
  if (username !== null && password !== null) return { username, password };
  throw new BlueprintError(
    `${key} names no user with a password, which the next host needs, too`,
  );
}

function storeIn(document: ConfigMap): StoreSection {
  const name = STORES.map((store) => store.name)
    .find((each) => Object.hasOwn(document, each));
  const section = name === undefined ? null : ownValue(document, name);
  if (name !== undefined && isConfigMap(section)) return { name, section };
  throw new BlueprintError("the section of the store is not in the file");
}

function commonOf(store: StoreSection, dir: string | null): StoreSection {
  if (!isOwnStore(store)) return store;
  const cert = certificatePathsIn(dir ?? "").cert;
  const common = commonStore(store, cert);
  if (common !== null) return common;
  throw new BlueprintError(
    `etcd3.server_cert and etcd3.peer_cert are not ${cert}, so a host that ` +
      "joins could not reach this store: set both, or set the host up by hand",
  );
}

/** Whether a layer says who may come in. */
function hasAccess(layer: ConfigMap): boolean {
  const section = ownValue(layer, "postgresql");
  return isConfigMap(section) && Array.isArray(ownValue(section, "pg_hba"));
}

/** The first address of the leader. */
function vipIn(document: ConfigMap): string | null {
  const entries = ownValue(document, "vip");
  const [first] = Array.isArray(entries) ? entries : [];
  const isPrimary = isConfigMap(first) &&
    (ownValue(first, "role") ?? "primary") === "primary";
  return isPrimary ? textAt(first, "address") : null;
}

function textAt(map: ConfigMap, key: string): string | null {
  const value = ownValue(map, key);
  return typeof value === "string" && value !== "" ? value : null;
}
