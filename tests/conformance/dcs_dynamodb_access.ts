/** Clients of a DynamoDB, with what most tests do not care about. */
import type { DynamoOptions } from "../../lib/adapters/dynamodb/options.ts";
import { DynamoDocumentStore } from "../../lib/adapters/dynamodb/store_dynamodb.ts";
import { DocumentDcs } from "../../lib/dcs/document/document_dcs.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { DYNALITE_KEYS } from "../helpers/dynalite.ts";
import { RealClock } from "./dcs_clock.ts";

/** What the adapter needs, around the given. */
export function dynamoOptions(
  port: number,
  given: Partial<DynamoOptions> = {},
): DynamoOptions {
  return {
    region: "local",
    endpoint: `http://127.0.0.1:${port}`,
    table: "matriarch",
    cacert: null,
    access: () => ({ profile: null, keys: DYNALITE_KEYS }),
    scopePath: "/service/batman",
    clock: new RealClock(),
    isTableMade: false,
    warn: () => {},
    ...given,
  };
}

/** A client of one scope. */
export function dynamoDcs(options: DynamoOptions): DocumentDcs {
  return new DocumentDcs({
    store: new DynamoDocumentStore(options),
    ...{ clock: options.clock, random: { next: Math.random } },
    warn: options.warn,
  });
}

/** A client for the time of `use`. */
export async function withDynamo(
  port: number,
  given: Partial<DynamoOptions>,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const dcs = dynamoDcs(dynamoOptions(port, given));
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}
