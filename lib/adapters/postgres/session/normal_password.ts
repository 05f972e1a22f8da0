/**
 * Passwords as SCRAM wants them. The server and libpq normalise a password that
 * is not plain ASCII; the SQL driver does not, and would be refused. The tables
 * for it take 3 MB of memory, so they are loaded with the first such password.
 */

/** `password` as the server stores it. */
export async function normalPassword(password: string): Promise<string> {
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x7f]*$/.test(password)) return password;
  const { preparedPassword } = await import("./saslprep.ts");
  return preparedPassword(password);
}
