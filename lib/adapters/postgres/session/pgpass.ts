/**
 * The password file that libpq programs and standbys read: passwords are in
 * there and nowhere else, never on a command line.
 *
 * Source: PostgreSQL 17 manual, "The Password File".
 */
import { dirname } from "node:path";
import { credentialsOf } from "./conninfo.ts";
import { readTextOrNull, writeAtomically } from "../directory/files.ts";
import type { Account, PostgresContext, TcpAddress } from "../options.ts";

/**
 * Writes the lines that let `account` connect to `addresses`, keeping other
 * lines that an earlier call wrote for other servers or accounts.
 */
export async function allowPassword(
  context: PostgresContext,
  account: Account,
  addresses: readonly TcpAddress[],
): Promise<void> {
  const { options } = context;
  const { username, password } = credentialsOf(context, account);
  if (!password) return;
  const lines = addresses.flatMap((address) =>
    pgpassLines(address, username ?? "*", password)
  );
  const old = (await readTextOrNull(options.pgpass) ?? "").split("\n");
  const prefixes = lines.map((line) => line.slice(0, -escape(password).length));
  const kept = old.filter((line) =>
    line !== "" && !prefixes.some((prefix) => line.startsWith(prefix))
  );
  const text = `${[...lines, ...kept].join("\n")}\n`;
  if (old.join("\n") === text) return;
  await Deno.mkdir(dirname(options.pgpass), { recursive: true });
  await writeAtomically(options.pgpass, text);
}

/** Whether the file has what {@link allowPassword} would write. */
export async function isPasswordKnown(
  context: PostgresContext,
  account: Account,
  address: TcpAddress,
): Promise<boolean> {
  const { username, password } = credentialsOf(context, account);
  if (!password) return true;
  const text = await readTextOrNull(context.options.pgpass) ?? "";
  const found = new Set(text.split("\n"));
  return pgpassLines(address, username ?? "*", password)
    .every((line) => found.has(line));
}

/** One line per host of a comma list, and `localhost` for a socket host. */
export function pgpassLines(
  address: TcpAddress,
  username: string,
  password: string,
): readonly string[] {
  const hosts = (address.host || "*").split(",").flatMap((host) =>
    host.startsWith("/") ? [host, "localhost"] : [host]
  );
  const port = address.port === 0 ? "*" : String(address.port);
  // A line break would begin a line of its own, and no such host answers.
  return hosts.filter((host) => !/[\r\n\0]/.test(host)).map((host) =>
    [host, port, "*", username, password].map((field, index) =>
      field === "*" && index < 4 ? field : escape(field)
    ).join(":")
  );
}

function escape(field: string): string {
  return field.replace(/[:\\]/g, "\\$&");
}
