/**
 * What PostgreSQL makes of a password that is not plain ASCII.
 *
 * Source: PostgreSQL 17 `saslprep.c`, pg_saslprep: what cannot be normalised is
 * used as it is.
 */
import saslprep from "@mongodb-js/saslprep";

/** `password` by the rules of SASLprep, if they allow it. */
export function preparedPassword(password: string): string {
  try {
    return saslprep(password) || password;
  } catch {
    return password;
  }
}
