/** Where DynamoDB is, and who asks. */
import type { Clock } from "../../ports/clock.ts";

/** Who asks; may change while the client is open, so it is asked for at every call. */
export interface DynamoAccess {
  /** Of AWS's files; null: the default one. */
  readonly profile: string | null;
  /** Null: whatever AWS's own chain finds (variables, profile, the host's role). */
  readonly keys: DynamoKeys | null;
}

/** An access key. */
export interface DynamoKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken: string | null;
}

/** What the adapter needs. */
export interface DynamoOptions {
  /** Null: as AWS's variables and files say. */
  readonly region: string | null;
  /** `http[s]://host[:port]`; null: the region's own. */
  readonly endpoint: string | null;
  readonly table: string;
  /** Path of a PEM file; null: the authorities that the runtime knows. */
  readonly cacert: string | null;
  readonly access: () => DynamoAccess;
  /** `/<namespace>/<scope>`, without a slash at its end: the item's key. */
  readonly scopePath: string;
  readonly clock: Clock;
  /** Whether a missing table is made, by a process that may make something. */
  readonly isTableMade: boolean;
  readonly warn: (text: string) => void;
}

/** For people: where the table is. */
export function placeOf(
  { endpoint, region }: Pick<DynamoOptions, "endpoint" | "region">,
): string {
  if (endpoint !== null) return `DynamoDB at ${endpoint}`;
  return region === null ? "DynamoDB" : `DynamoDB in ${region}`;
}
