/** What is looked at of a table before a scope is kept in it. */
import type { TableDescription } from "@aws-sdk/client-dynamodb";

/** The partition key. */
export const KEY = "scope";

/** A table that is there. */
export interface TableFacts {
  /** Another one after the table was made anew or restored under its name. */
  readonly id: string;
  /** It is being made: try later; null: it can be used, as far as that goes. */
  readonly notNow: string | null;
  /** Why it must not be used; null: it may. */
  readonly refusal: string | null;
  /** It has copies in these regions. */
  readonly replicas: readonly string[];
}

/**
 * What a description says; null: it describes nothing, so no DynamoDB has made it.
 *
 * @param table Its name, for the reader of a message.
 */
export function factsOf(
  described: TableDescription | undefined,
  table: string,
): TableFacts | null {
  const { TableStatus, KeySchema, AttributeDefinitions } = described ?? {};
  if (described === undefined || TableStatus === undefined) return null;
  const replicas = (described.Replicas ?? []).map(({ RegionName }) =>
    RegionName ?? "another region"
  );
  const keys = (KeySchema ?? []).map(({ AttributeName, KeyType }) => {
    const { AttributeType } = AttributeDefinitions?.find((one) =>
      one.AttributeName === AttributeName
    ) ?? {};
    return `${AttributeName} (${AttributeType}, ${KeyType})`;
  });
  return {
    id: described.TableId ?? described.TableArn ?? table,
    notNow: ["CREATING", "DELETING"].includes(TableStatus)
      ? `the table "${table}" is ${TableStatus}`
      : null,
    refusal: statusRefusal(TableStatus, table) ?? keyRefusal(keys, table) ??
      (described.GlobalTableVersion === "2017.11.29"
        ? globalRefusal("of version 2017.11.29", table)
        : null),
    replicas,
  };
}

/** Two regions can both say yes, and the later one wins. */
export function globalRefusal(which: string, table: string): string {
  return `the table "${table}" is a global one (${which}), whose regions ` +
    "overwrite each other's leader: use a table of one region";
}

function statusRefusal(status: string, table: string): string | null {
  return ["ACTIVE", "UPDATING", "CREATING", "DELETING"].includes(status)
    ? null
    : `the table "${table}" is ${status}`;
}

function keyRefusal(keys: readonly string[], table: string): string | null {
  return keys.length === 1 && keys[0] === `${KEY} (S, HASH)`
    ? null
    : `the table "${table}" has the key ${keys.join(", ")}, and a scope ` +
      `needs ${KEY} (S, HASH) alone`;
}

/** How an operator makes the table. */
export function makeCommand(table: string): string {
  return `aws dynamodb create-table --table-name ${table} ` +
    `--attribute-definitions AttributeName=${KEY},AttributeType=S ` +
    `--key-schema AttributeName=${KEY},KeyType=HASH ` +
    "--billing-mode PAY_PER_REQUEST";
}
