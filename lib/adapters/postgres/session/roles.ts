/**
 * The roles that the agents of a scope need, made by the member that bootstraps.
 *
 * Source: docs/contract/configuration.md 3.3, "Role creation order".
 */
import { silenceSql } from "../../../core/base/quiet_settings.ts";
import type { Credentials, PostgresContext } from "../options.ts";
import { identifier, literal, type Query } from "./sql.ts";

/** Functions that pg_rewind calls on its source. */
const REWIND_FUNCTIONS = [
  "pg_ls_dir(text, boolean, boolean)",
  "pg_stat_file(text, boolean)",
  "pg_read_binary_file(text)",
  "pg_read_binary_file(text, bigint, bigint, boolean)",
];

const STATEMENT_TIMEOUT_MS = 60_000;

/** Makes or changes the superuser, if its name and password are configured. */
export async function createSuperuser(
  context: PostgresContext,
  query: Query,
): Promise<void> {
  const { superuser } = context.options.authentication;
  if (!superuser.username || !superuser.password) return;
  await createRole(query, superuser, "SUPERUSER");
}

/** Makes or changes the replication and the rewind role. */
export async function createAgentRoles(
  context: PostgresContext,
  query: Query,
): Promise<void> {
  const { superuser, replication, rewind } = context.options.authentication;
  await createRole(query, replication, "REPLICATION");
  const name = rewind?.username;
  if (!rewind || !name || name === superuser.username) return;
  await createRole(query, rewind, "");
  for (const signature of REWIND_FUNCTIONS) {
    await query(
      `GRANT EXECUTE ON FUNCTION pg_catalog.${signature} TO ${
        identifier(name)
      }`,
      STATEMENT_TIMEOUT_MS,
    );
  }
}

/**
 * Makes or changes the roles of `bootstrap.users`. The agents' accounts are theirs,
 * also where a file names them twice.
 */
export async function createUsers(
  context: PostgresContext,
  query: Query,
): Promise<void> {
  const { authentication, bootstrap } = context.options;
  const { superuser, replication, rewind } = authentication;
  const agents = [superuser, replication, rewind].map((a) => a?.username);
  for (const { name, password, options } of bootstrap?.users ?? []) {
    if (agents.includes(name)) continue;
    await createRole(
      query,
      { username: name, password, options: {} },
      options.join(" "),
    );
  }
}

async function createRole(
  query: Query,
  credentials: Credentials,
  attribute: string,
): Promise<void> {
  const name = credentials.username;
  if (!name) return;
  await query(silenceSql(), STATEMENT_TIMEOUT_MS);
  const rows = await query(
    `SELECT 1 FROM pg_roles WHERE rolname = ${literal(name)}`,
    STATEMENT_TIMEOUT_MS,
  );
  const password = credentials.password;
  const verb = rows.length > 0 ? "ALTER" : "CREATE";
  const secret = password ? ` PASSWORD ${literal(password)}` : "";
  // Who may not log in says so; PostgreSQL refuses a word that is there twice.
  const login = /\b(NO)?LOGIN\b/.test(attribute) ? "" : "LOGIN ";
  await query(
    `${verb} ROLE ${identifier(name)} WITH ${login}${attribute}${secret}`,
    STATEMENT_TIMEOUT_MS,
  );
}
