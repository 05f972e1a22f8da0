/**
 * Fills in what the user did not say about an SQL connection, as libpq does:
 * from the environment and the password file.
 *
 * Source: PostgreSQL 17 manual, "Environment Variables", "The Password File".
 */
import type { CliContext, SqlTarget } from "./context.ts";

/** What is known of a connection; null: not said. */
export interface SqlWish {
  readonly host: string;
  readonly port: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly database: string | null;
  readonly isRecoveryWanted: boolean | null;
}

/** The whole target. */
export async function sqlTarget(
  context: CliContext,
  wish: SqlWish,
): Promise<SqlTarget> {
  const { environment } = context;
  const username = wish.username ??
    (environment["PGUSER"] || environment["USER"] || "postgres");
  const database = wish.database ?? (environment["PGDATABASE"] || username);
  const target = { ...wish, username, database };
  const password = wish.password ?? environment["PGPASSWORD"] ??
    await filePassword(context, target);
  return { ...target, password };
}

async function filePassword(
  { environment, files }: CliContext,
  target: Omit<SqlTarget, "password">,
): Promise<string> {
  const path = environment["PGPASSFILE"] ||
    `${environment["HOME"] ?? ""}/.pgpass`;
  const text = await files.readText(path);
  return text === null ? "" : passwordFor(text, target);
}

/** The password of the first line that fits; empty without one. */
export function passwordFor(
  text: string,
  target: Pick<SqlTarget, "host" | "port" | "database" | "username">,
): string {
  const { host, port, database, username } = target;
  const wanted = [host, String(port), database, username];
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const fields = line.split(/(?<!\\):/)
      .map((field) => field.replace(/\\(.)/g, "$1"));
    const [password, ...rest] = [fields[4], ...fields.slice(0, 4)];
    const fits = rest.every((field, index) =>
      field === "*" || field === wanted[index]
    );
    if (password !== undefined && rest.length === 4 && fits) return password;
  }
  return "";
}
