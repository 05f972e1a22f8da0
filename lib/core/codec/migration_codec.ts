/**
 * The key `migration`: the scope is moving between two stores, and what it was
 * like before. It is ours: Patroni's members and tools leave it alone
 * (docs/contract/dcs.md 4). It lies in both stores while the move lasts.
 */
import { encodeJson, parseJsonObject } from "./json.ts";

/** Relative to the scope. */
export const MIGRATION_KEY = "migration";

/** What must be known in the end. */
export interface Migration {
  /** The scope was in maintenance mode already, and stays in it. */
  readonly wasPaused: boolean;
}

/** Compact JSON. */
export function encodeMigration({ wasPaused }: Migration): string {
  return encodeJson({ was_paused: wasPaused });
}

/** Rubbish reads as a scope that stays paused: nothing fails over by mistake. */
export function decodeMigration(text: string): Migration {
  return { wasPaused: parseJsonObject(text)?.["was_paused"] !== false };
}
