/** Consul's JSON, and the keys of a scope in it. */
import { Buffer } from "node:buffer";
import { revision } from "../../core/base/units.ts";
import type { KeyState } from "../../dcs/changes.ts";
import type { DcsEntry } from "../../ports/dcs.ts";

/** Consul's counter of all its changes. */
export type Counter = number;

/** One key as Consul holds it. */
export interface StoredKey {
  readonly key: string;
  readonly value: string;
  /** ModifyIndex: of its last change. */
  readonly at: Counter;
  /** Null: it stays. */
  readonly session: string | null;
}

/** All keys of the scope at one moment. */
export interface StoredScope {
  /** X-Consul-Index. */
  readonly at: Counter;
  readonly entries: readonly StoredKey[];
}

/** A key as the port shows it to the process whose session is `held`. */
export function entryOf(
  { key, value, at, session }: StoredKey,
  held: string | null,
): DcsEntry {
  const isHeld = session !== null && session === held;
  return { key, value, revision: revision(at), isHeld };
}

/** The keys as two looks are compared. */
export function statesOf({ entries }: StoredScope): readonly KeyState[] {
  return entries.map(({ key, value, at }) => ({
    ...{ key, value },
    revision: revision(at),
  }));
}

/** The part of Consul's key space that is one scope. */
export class ScopeKeys {
  /** With a slash at its end, or neighbours would be part of it; none before it. */
  readonly prefix: string;

  /** @param scopePath `/service/main`, without a slash at its end. */
  constructor(scopePath: string) {
    this.prefix = `${scopePath.replace(/^\/+/, "")}/`;
  }

  /** The key in Consul. */
  full(key: string): string {
    return this.prefix + key;
  }

  /** For URLs. */
  get urlPath(): string {
    return this.prefix.split("/").map(encodeURIComponent).join("/");
  }

  /**
   * The keys of a recursive read, sorted.
   *
   * @throws {Error} If the text is no such answer.
   */
  entries(body: string): readonly StoredKey[] {
    const rows: unknown = JSON.parse(body);
    if (!Array.isArray(rows)) throw new Error("no list of keys");
    return rows.map((row) => this.#entry(row))
      .filter(({ key }) => key !== "")
      .sort((a, b) => a.key < b.key ? -1 : 1);
  }

  #entry(row: unknown): StoredKey {
    const { Key: key, Value: value, ModifyIndex: at, Session: session } =
      objectOf(row);
    const isKey = typeof key === "string" && key.startsWith(this.prefix);
    if (!isKey || typeof at !== "number") throw new Error("no list of keys");
    return {
      key: key.slice(this.prefix.length),
      value: typeof value === "string" ? decoded(value) : "",
      at,
      session: typeof session === "string" && session !== "" ? session : null,
    };
  }
}

/** A value as transactions carry it. */
export function encoded(value: string): string {
  return Buffer.from(value).toString("base64");
}

/** What an object of JSON has; nothing where it is none. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function decoded(value: string): string {
  return Buffer.from(value, "base64").toString();
}
