/**
 * Moves keys of older layouts to where they stand today.
 *
 * Source: docs/contract/configuration.md 1.4; Patroni 4.1.4 `config.py`, _build_effective_configuration.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";

/**
 * Document in today's layout; the given one is not changed.
 *
 * `postgresql.name` becomes `name`, and the roles that once stood directly in
 * `postgresql` become `authentication`, both only where the new key is absent.
 * `postgresql.pg_rewind` also allows rewinding.
 */
export function modernLayout(given: ConfigMap): ConfigMap {
  const document = modernStore(given);
  const postgresql = ownValue(document, "postgresql");
  if (!isConfigMap(postgresql)) return document;
  const legacyName = ownValue(postgresql, "name");
  const hasName = ownValue(document, "name") !== undefined;
  return {
    ...document,
    ...(hasName || legacyName === undefined ? {} : { name: legacyName }),
    postgresql: modernPostgresql(postgresql),
  };
}

/** `zookeeper.exhibitor` is a section of its own, in place of `zookeeper`. */
export function modernStore(document: ConfigMap): ConfigMap {
  const zookeeper = ownValue(document, "zookeeper");
  if (!isConfigMap(zookeeper)) return document;
  const exhibitor = ownValue(zookeeper, "exhibitor");
  if (!isConfigMap(exhibitor)) return document;
  const { zookeeper: _, ...others } = document;
  return { ...others, exhibitor };
}

function modernPostgresql(postgresql: ConfigMap): ConfigMap {
  if (isConfigMap(ownValue(postgresql, "authentication"))) return postgresql;
  const replication = ownValue(postgresql, "replication");
  const rewind = ownValue(postgresql, "pg_rewind");
  const superuser = ownValue(postgresql, "superuser") ?? rewind;
  const roles = Object.entries({ replication, superuser, rewind })
    .filter(([, role]) => isConfigMap(role));
  if (roles.length === 0) return postgresql;
  return {
    ...postgresql,
    ...(isConfigMap(rewind) ? { use_pg_rewind: true } : {}),
    authentication: Object.fromEntries(roles),
  };
}
