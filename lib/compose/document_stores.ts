/** Constructs the stores that keep a scope as one document (ADR 14). */
import { SystemRandom } from "../adapters/os/random.ts";
import { ConfigError } from "../config/problems.ts";
import type { StoreConfig } from "../config/stores/all.ts";
import type { DynamodbConfig } from "../config/stores/dynamodb.ts";
import type { PgstoreConfig } from "../config/stores/pgstore.ts";
import type { RedisConfig } from "../config/stores/redis.ts";
import type { DocumentStore } from "../dcs/document/document_store.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";

/** What such a store is opened with. */
interface DocumentPlace {
  readonly scopePath: string;
  readonly clock: Clock;
  /** The section as it stands now. */
  readonly latest: () => StoreConfig;
  /** Whether tables are made; a mere reader must not. */
  readonly isMaker: boolean;
  /** Null: no agent, whose log could take warnings. */
  readonly asking: { readonly warn: (text: string) => void } | null;
}

/** Only who uses one of them loads its client. */
export async function openDocuments(
  config: DynamodbConfig | PgstoreConfig | RedisConfig,
  place: DocumentPlace,
): Promise<Dcs> {
  const { clock, asking } = place;
  const warn = asking?.warn ?? (() => {});
  const store = await openStore(config, { ...place, warn });
  const { DocumentDcs } = await import("../dcs/document/document_dcs.ts");
  return new DocumentDcs({
    ...{ store, clock, random: new SystemRandom(), warn },
    // Redis and PostgreSQL are copied behind the back of whoever was answered.
    mayForget: config.kind !== "dynamodb",
  });
}

type WarnedPlace = DocumentPlace & { readonly warn: (text: string) => void };

async function openStore(
  config: DynamodbConfig | PgstoreConfig | RedisConfig,
  place: WarnedPlace,
): Promise<DocumentStore> {
  switch (config.kind) {
    case "dynamodb":
      return await openDynamodb(config, place);
    case "pgstore":
      return await openPgstore(config, place);
    case "redis":
      return await openRedis(config, place);
  }
}

/** AWS's client is large; who uses another store never reads it. */
async function openDynamodb(
  config: DynamodbConfig,
  { scopePath, clock, isMaker, latest, warn }: WarnedPlace,
): Promise<DocumentStore> {
  const { region, endpoint, table, cacert, isTableMade } = config;
  const { DynamoDocumentStore } = await import(
    "../adapters/dynamodb/store_dynamodb.ts"
  );
  const access = () => {
    const now = latest();
    const { profile, keys } = now.kind === "dynamodb" ? now : config;
    return { profile, keys };
  };
  try {
    return new DynamoDocumentStore({
      ...{ region, endpoint, table, cacert, scopePath, clock, access, warn },
      isTableMade: isTableMade && isMaker,
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`The section dynamodb cannot be used: ${why}`);
  }
}

async function openPgstore(
  config: PgstoreConfig,
  { scopePath, clock, isMaker, latest, warn }: WarnedPlace,
): Promise<DocumentStore> {
  const { hosts, database, schema, tls } = config;
  const { PostgresDocumentStore } = await import(
    "../adapters/postgres/dcs/store_postgres.ts"
  );
  const login = () => {
    const now = latest();
    return now.kind === "pgstore" ? now : config;
  };
  return new PostgresDocumentStore({
    ...{ hosts, database, schema, tls, scopePath, clock, isMaker, login, warn },
  });
}

async function openRedis(
  config: RedisConfig,
  { scopePath, clock, latest, warn }: WarnedPlace,
): Promise<DocumentStore> {
  const { hosts, sentinelMaster, database, isTls, isLossAccepted } = config;
  const { RedisDocumentStore } = await import(
    "../adapters/redis/store_redis.ts"
  );
  const login = () => {
    const now = latest();
    return now.kind === "redis" ? now : config;
  };
  try {
    return new RedisDocumentStore({
      ...{ hosts, sentinelMaster, database, isLossAccepted },
      ...{ scopePath, clock, login, warn, tls: isTls ? config : null },
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`The section redis cannot be used: ${why}`);
  }
}
