/**
 * How a program that uses libpq gets into a server: a connection string for its
 * arguments, which everybody on the host can read, and beside it two files for
 * what they must not hold. Passwords are in the password file. The passphrase of
 * a client key is in a service file: libpq takes it from nowhere else.
 *
 * Source: PostgreSQL 17 manual, "The Password File", "The Connection Service
 * File" and "Parameter Key Words" (sslpassword).
 */
import { PostgresError } from "../../../ports/errors.ts";
import {
  accountConninfo,
  type Conninfo,
  credentialsOf,
  formatConninfo,
} from "./conninfo.ts";
import { writeIfDifferent } from "../directory/files.ts";
import type { Account, PostgresContext, TcpAddress } from "../options.ts";
import { allowPassword } from "./pgpass.ts";
import { binaryMajor } from "../process/version.ts";

/** What the program is called with. */
export interface LibpqAccess {
  readonly conninfo: string;
  readonly env: Readonly<Record<string, string>>;
}

const SERVICE = "matriarch";

/**
 * Access of `account` to the server at `address`.
 *
 * @param more Keywords besides those of the account.
 * @throws {PostgresError} If a service file cannot hold the passphrase.
 */
export async function libpqAccess(
  context: PostgresContext,
  account: Account,
  { address, more = {} }: {
    readonly address: TcpAddress;
    readonly more?: Conninfo;
  },
): Promise<LibpqAccess> {
  await allowPassword(context, account, [address]);
  const { pgpass, database } = context.options;
  const { sslpassword, ...shown } = accountConninfo(context, account, address);
  const keywords = { dbname: database, ...more, ...shown };
  const conninfo = formatConninfo(keywords, await binaryMajor(context));
  const env = { PGPASSFILE: pgpass };
  if (sslpassword === undefined) return { conninfo, env };
  const { username } = credentialsOf(context, account);
  const file = `${pgpass}.service`;
  await writeIfDifferent(file, serviceText(sslpassword, username));
  return {
    conninfo: `service=${SERVICE} ${conninfo}`,
    env: { ...env, PGSERVICEFILE: file },
  };
}

/** A value goes to the end of its line, blanks at its end excepted. */
function serviceText(sslpassword: string, username: string | null): string {
  if (/[\r\n]|\s$/.test(sslpassword)) {
    throw new PostgresError(
      `The sslpassword of ${username ?? "the account"} cannot be used: ` +
        "it has a line break in it, or a blank at its end",
    );
  }
  return `[${SERVICE}]\nsslpassword=${sslpassword}\n`;
}
