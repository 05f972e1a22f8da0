/**
 * Scopes on DynamoDB: one item per scope, put only while it has the version that
 * was seen. One item of one region is the most that DynamoDB promises to read and
 * change as one; a put that is confirmed is on the disks of several of its zones.
 */
import {
  type AttributeValue,
  GetItemCommand,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import { after, remainingMs } from "../../core/base/units.ts";
import type {
  DocumentSave,
  DocumentStore,
  StoredDocument,
} from "../../dcs/document/document_store.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
import { DynamoCalls } from "./calls.ts";
import { isNamed, MISSING, OUTDATED, storeError } from "./errors.ts";
import type { DynamoOptions } from "./options.ts";
import { DynamoTable } from "./table.ts";
import { KEY } from "./table_facts.ts";

/** Nothing rings: the item is looked at once in a second. */
const POLL_MS = 1000;
/** Of an item, names and values together. */
const ITEM_BYTES_MAX = 400 << 10;
/** Names of attributes, version and the mark of the table, all of them short. */
const OVERHEAD_BYTES = 512;

type Item = Readonly<Record<string, AttributeValue>>;

/** One scope. */
export class DynamoDocumentStore implements DocumentStore {
  readonly name: string;
  readonly bytesMax: number;
  readonly pollMs = POLL_MS;
  readonly isSeenSafe = true;
  readonly #options: DynamoOptions;
  readonly #calls: DynamoCalls;
  readonly #table: DynamoTable;

  /** @throws {Error} If the file of authorities cannot be read. */
  constructor(options: DynamoOptions) {
    this.#options = options;
    this.#calls = new DynamoCalls(options);
    this.#table = new DynamoTable(options, this.#calls);
    this.name = `${this.#calls.place}, table ${options.table}`;
    const keyBytes = new TextEncoder().encode(options.scopePath).length;
    this.bytesMax = ITEM_BYTES_MAX - OVERHEAD_BYTES - keyBytes;
  }

  async load(limits: DcsLimits): Promise<StoredDocument> {
    const left = this.#left(limits);
    await this.#table.lookSometimes(left());
    let { id } = await this.#table.facts(left());
    const item = await this.#item(left());
    // A table that was restored has the items of the one before it.
    const isOdd = item !== null && item["era"]?.S !== id;
    if (isOdd) ({ id } = await this.#table.look(left()));
    return {
      stored: item === null ? null : storedOf(item, this.name),
      era: id,
    };
  }

  async save(
    { seen, era, version, text }: DocumentSave,
    limits: DcsLimits,
  ): Promise<"saved" | "outdated"> {
    const left = this.#left(limits);
    const { id } = await this.#table.facts(left());
    if (id !== era) return "outdated";
    const { table, scopePath } = this.#options;
    const command = new PutItemCommand({
      TableName: table,
      Item: {
        [KEY]: { S: scopePath },
        version: { S: version },
        era: { S: era },
        document: { S: text },
      },
      ...(seen === null
        ? {
          ConditionExpression: "attribute_not_exists(#key)",
          ExpressionAttributeNames: { "#key": KEY },
        }
        : {
          ConditionExpression: "#version = :seen",
          ExpressionAttributeNames: { "#version": "version" },
          ExpressionAttributeValues: { ":seen": { S: seen } },
        }),
    });
    try {
      await this.#calls.send(
        (client, options) => client.send(command, options),
        left(),
      );
      return "saved";
    } catch (error) {
      if (isNamed(error, OUTDATED)) return "outdated";
      throw this.#failed(error);
    }
  }

  /** The watch looks by itself, every {@link pollMs}. */
  listen(): void {}

  refusal(): null {
    return null;
  }

  close(): Promise<void> {
    this.#calls.close();
    return Promise.resolve();
  }

  async #item(limits: DcsLimits): Promise<Item | null> {
    const { table, scopePath } = this.#options;
    const command = new GetItemCommand({
      TableName: table,
      Key: { [KEY]: { S: scopePath } },
      ConsistentRead: true,
    });
    try {
      const { Item } = await this.#calls.send(
        (client, options) => client.send(command, options),
        limits,
      );
      return Item ?? null;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #failed(error: unknown): Error {
    const { place } = this.#calls;
    if (!isNamed(error, MISSING)) return storeError(error, place);
    // The next call looks, and says what to do.
    this.#table.forget();
    return new DcsRefusedError(
      `${place} has no table "${this.#options.table}" any more`,
      { cause: error },
    );
  }

  /** What is left of a limit. */
  #left({ timeoutMs }: DcsLimits): () => DcsLimits {
    const { clock } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    return () => ({
      timeoutMs: Math.max(1, remainingMs(deadline, clock.now())),
    });
  }
}

function storedOf(
  { version, document }: Item,
  name: string,
): StoredDocument["stored"] {
  if (version?.S !== undefined && document?.S !== undefined) {
    return { version: version.S, text: document.S };
  }
  throw new DcsRefusedError(
    `What is stored for the scope in ${name} has another form than ours`,
  );
}
