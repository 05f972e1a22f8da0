/**
 * The table of scopes: looked at before its first use, again every few minutes
 * and whenever it seems to be another one, and made where that is wanted.
 */
import {
  CreateTableCommand,
  DescribeTableCommand,
} from "@aws-sdk/client-dynamodb";
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import type { DynamoCalls } from "./calls.ts";
import { IN_USE, isNamed, MISSING, storeError } from "./errors.ts";
import type { DynamoOptions } from "./options.ts";
import {
  factsOf,
  globalRefusal,
  KEY,
  makeCommand,
  type TableFacts,
} from "./table_facts.ts";

/** Copies in other regions can be added to a table at any time. */
const LOOK_AGAIN_MS = 300_000;
/** AWS asks for patience while it makes a table, which takes seconds. */
const MADE_PAUSE_MS = 500;

/** The table, looked at before it is used. */
export class DynamoTable {
  readonly #options: DynamoOptions;
  readonly #calls: DynamoCalls;
  #facts: TableFacts | null = null;
  #lookAt: Moment | null = null;

  constructor(options: DynamoOptions, calls: DynamoCalls) {
    this.#options = options;
    this.#calls = calls;
  }

  /** The table as it was seen last; looks if it never was. */
  async facts(limits: DcsLimits): Promise<TableFacts> {
    return this.#facts ?? await this.look(limits);
  }

  /** Forgets it, because it was missing. */
  forget(): void {
    this.#facts = null;
  }

  /** Looks again if that is long ago; what keeps it from looking is no reason to stop. */
  async lookSometimes({ timeoutMs }: DcsLimits): Promise<void> {
    const { clock, table, warn } = this.#options;
    const isDue = this.#lookAt === null || clock.now() >= this.#lookAt;
    const before = this.#facts;
    if (!isDue || before === null) return;
    this.#lookAt = after(clock.now(), LOOK_AGAIN_MS);
    try {
      const now = await this.#described({ timeoutMs: timeoutMs / 2 });
      // One that was made anew is looked at as at the beginning.
      this.#facts = now?.id === before.id ? now : null;
      if (now === null) return;
      const isNews = now.replicas.join() !== before.replicas.join();
      if (now.replicas.length === 0 || !isNews) return;
      // All members write in this region, and no other one gets in any more.
      const which = globalRefusal(now.replicas.join(", "), table);
      warn(`${this.#calls.place}: ${which}; no agent starts on it any more`);
    } catch {
      // The calls that need the table say what is wrong.
    }
  }

  /** The table as it is now. */
  async look(limits: DcsLimits): Promise<TableFacts> {
    const { clock, isTableMade } = this.#options;
    const deadline = after(clock.now(), limits.timeoutMs);
    for (;;) {
      const left = () => ({
        timeoutMs: Math.max(1, remainingMs(deadline, clock.now())),
      });
      const facts = await this.#described(left());
      if (facts !== null && facts.notNow === null) return this.#use(facts);
      if (facts === null) {
        if (!isTableMade) throw this.#missing();
        await this.#make(left());
      } else if (!isTableMade || left().timeoutMs <= MADE_PAUSE_MS) {
        const text = `${this.#calls.place}: ${facts.notNow}`;
        throw new DcsUnreachableError(text);
      }
      await clock.sleep(MADE_PAUSE_MS);
    }
  }

  #use(facts: TableFacts): TableFacts {
    const { clock, table } = this.#options;
    const { place } = this.#calls;
    const refusal = facts.refusal ??
      (facts.replicas.length > 0
        ? globalRefusal(facts.replicas.join(", "), table)
        : null);
    if (refusal !== null) throw new DcsRefusedError(`${place}: ${refusal}`);
    this.#facts = facts;
    this.#lookAt = after(clock.now(), LOOK_AGAIN_MS);
    return facts;
  }

  /** Null: there is none. */
  async #described(limits: DcsLimits): Promise<TableFacts | null> {
    const { table } = this.#options;
    const { place } = this.#calls;
    const command = new DescribeTableCommand({ TableName: table });
    try {
      const { Table } = await this.#calls.send(
        (client, options) => client.send(command, options),
        limits,
      );
      const facts = factsOf(Table, table);
      if (facts !== null) return facts;
    } catch (error) {
      if (isNamed(error, MISSING)) return null;
      throw storeError(error, place);
    }
    throw new DcsRefusedError(`What answers for ${place} is not DynamoDB`);
  }

  async #make(limits: DcsLimits): Promise<void> {
    const { table } = this.#options;
    const command = new CreateTableCommand({
      TableName: table,
      AttributeDefinitions: [{ AttributeName: KEY, AttributeType: "S" }],
      KeySchema: [{ AttributeName: KEY, KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
    });
    try {
      await this.#calls.send(
        (client, options) => client.send(command, options),
        limits,
      );
    } catch (error) {
      if (isNamed(error, IN_USE)) return;
      throw storeError(error, this.#calls.place);
    }
  }

  #missing(): DcsRefusedError {
    const { table } = this.#options;
    return new DcsRefusedError(
      `${this.#calls.place} has no table "${table}": make it ` +
        `(${makeCommand(table)}), or let an agent make it ` +
        "(create_table: true)",
    );
  }
}
