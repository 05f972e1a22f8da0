/** Constructs the stores that keep a scope as one document (ADR 14). */
import { SystemRandom } from "../adapters/os/random.ts";
import type { StoreConfig } from "../config/stores/all.ts";
import type { PgstoreConfig } from "../config/stores/pgstore.ts";
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
  config: PgstoreConfig,
  place: DocumentPlace,
): Promise<Dcs> {
  const { clock, asking } = place;
  const warn = asking?.warn ?? (() => {});
  const store = await openPgstore(config, { ...place, warn });
  const { DocumentDcs } = await import("../dcs/document/document_dcs.ts");
  return new DocumentDcs({ store, clock, random: new SystemRandom(), warn });
}

type WarnedPlace = DocumentPlace & { readonly warn: (text: string) => void };

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
