/**
 * Passwords as SCRAM wants them. The server and libpq normalise a password that
 * is not plain ASCII; the SQL driver does not, and would be refused.
 *
 * Source: PostgreSQL 17 `saslprep.c`, pg_saslprep: what cannot be normalised is
 * used as it is, and so is plain ASCII.
 */
import saslprep from "@mongodb-js/saslprep";

/** `password` as the server stores it. */
export function normalPassword(password: string): string {
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x7f]*$/.test(password)) return password;
  try {
    return saslprep(password) || password;
  } catch {
    return password;
  }
}
