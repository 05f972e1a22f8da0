/**
 * Reads libpq's password file.
 *
 * Source: PostgreSQL 17 manual, "The Password File".
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { PostgresError } from "../../../ports/errors.ts";

/** Whom a line is for. */
export interface PassfileAsker {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

const BYTES_MAX = 1 << 20;
/** Others may neither read nor write it; libpq ignores one that they may. */
const OTHERS = 0o077;

/**
 * The password for a login; null: the file, or the line, is not there.
 *
 * @param path Null: PGPASSFILE, or the file of the system's user, which need not be there.
 * @throws {PostgresError} If a named file cannot be used.
 */
export async function passwordFrom(
  path: string | null,
  asker: PassfileAsker,
): Promise<string | null> {
  const file = path ??
    (Deno.env.get("PGPASSFILE") || join(homedir(), ".pgpass"));
  try {
    const { mode, size, isFile } = await Deno.stat(file);
    if (!isFile || size > BYTES_MAX) throw new Error("it is no password file");
    if (((mode ?? 0) & OTHERS) !== 0) {
      throw new Error("others may read it, its mode must be 600 or less");
    }
    return passwordIn(await Deno.readTextFile(file), asker);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    if (path === null) return null;
    throw new PostgresError(`Cannot use the password file ${file}: ${why}`, {
      cause,
    });
  }
}

/** The password of the first line that fits; null: none does. */
export function passwordIn(text: string, asker: PassfileAsker): string | null {
  // A socket's directory goes by this name, too.
  const hosts = asker.host.startsWith("/")
    ? [asker.host, "localhost"]
    : [asker.host];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const [host, port, database, user, password] = fieldsOf(line);
    const isFitting = password !== undefined &&
      hosts.some((one) => fits(host, one)) && fits(port, `${asker.port}`) &&
      fits(database, asker.database) && fits(user, asker.user);
    if (isFitting) return password;
  }
  return null;
}

function fits(field: string | undefined, value: string): boolean {
  return field === "*" || field === value;
}

/** Colons separate; a backslash takes the next character as it is. */
function fieldsOf(line: string): readonly string[] {
  const fields = [""];
  for (let at = 0; at < line.length; at++) {
    let character = line[at] ?? "";
    if (character === ":" && fields.length < 5) {
      fields.push("");
      continue;
    }
    if (character === "\\") character = line[++at] ?? "";
    fields.push((fields.pop() ?? "") + character);
  }
  return fields;
}
