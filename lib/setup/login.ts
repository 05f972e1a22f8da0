/** A role of PostgreSQL and its password. */
import { asObject, readText } from "../core/codec/json.ts";

/** A role of PostgreSQL and its password. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** As a document has it; null: a part is missing. */
export function decodeLogin(value: unknown): Login | null {
  const fields = asObject(value);
  const username = readText(fields?.["username"]);
  const password = readText(fields?.["password"]);
  return username === null || password === null ? null : { username, password };
}
