/**
 * Looks whether the running server's pg_hba.conf keeps a sealed instance sealed.
 * The configuration was checked before; this finds what it cannot know: files
 * that are edited by hand or included, and what initdb or a clone left.
 *
 * Source: PostgreSQL 17 manual, "pg_hba_file_rules".
 */
import { sealBreach, wantedInSeal } from "../../../core/calc/host/hba_seal.ts";
import { maskBits } from "../../../core/codec/hba_line.ts";
import { asObject, parseJson } from "../../../core/codec/json.ts";
import type { HbaRule } from "../../../core/model/hba_rule.ts";
import type { PostgresContext } from "../options.ts";
import { errorText, type Query } from "../session/sql.ts";

const QUERY_TIMEOUT_MS = 2_000;
const RULES_QUERY = "SELECT coalesce(pg_catalog.json_agg(r), '[]')::text " +
  "AS rules FROM pg_catalog.pg_hba_file_rules r WHERE error IS NULL";

/** Checks that the running server's pg_hba.conf keeps a sealed instance sealed. */
export class SealAudit {
  readonly #context: PostgresContext;
  #said = "";

  constructor(context: PostgresContext) {
    this.#context = context;
  }

  /** Says in the log what breaks the seal, once. Never rejects. */
  async look(query: Query): Promise<void> {
    const { log, options: { sealedFor } } = this.#context;
    if (sealedFor === null) return;
    try {
      const [row] = await query(RULES_QUERY, QUERY_TIMEOUT_MS);
      const text = breaches(String(row?.["rules"]), sealedFor).join("; ");
      if (text === this.#said) return;
      if (text === "") log.info("pg_hba.conf keeps PostgreSQL sealed again");
      else log.error(`pg_hba.conf breaks proxy.sealed: ${text}`);
      this.#said = text;
    } catch (error) {
      const why = errorText(error);
      log.warning(`Cannot check pg_hba.conf for proxy.sealed: ${why}`);
    }
  }
}

function breaches(
  json: string,
  agents: readonly string[],
): readonly string[] {
  const rows = parseJson(json);
  return (Array.isArray(rows) ? rows : []).flatMap((row) => {
    const fields = asObject(row) ?? {};
    const breach = sealBreach(ruleOf(fields), agents);
    if (breach === null) return [];
    const line = `line ${fields["line_number"]}`;
    return [`${line}, wanted ${wantedInSeal(breach, agents)}`];
  });
}

function ruleOf(row: Readonly<Record<string, unknown>>): HbaRule {
  const { type, database, user_name: users, netmask } = row;
  return {
    type: String(type),
    databases: texts(database),
    users: texts(users),
    address: String(row["address"] ?? ""),
    bits: typeof netmask === "string" ? maskBits(netmask) : null,
    method: String(row["auth_method"]),
  };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
