/**
 * `bootstrap.users`: roles of the users' own, made with the first data directory.
 * Patroni had this section until version 4; files that still have it mean it.
 */
import {
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import { isAbsent, text, textList, Wanted } from "../fields.ts";

/** A role of `bootstrap.users`. */
export interface BootstrapUser {
  readonly name: string;
  readonly password: string | null;
  /** Upper case, as CREATE ROLE takes them. */
  readonly options: readonly string[];
}

/** What CREATE ROLE takes without a name or a secret. */
const OPTION =
  /^(?:NO)?(?:SUPERUSER|CREATEDB|CREATEROLE|INHERIT|LOGIN|REPLICATION|BYPASSRLS)$|^CONNECTION LIMIT -?\d+$/;

/** A map of names to `password` and `options`. */
export function bootstrapUsers(
  value: unknown,
): readonly BootstrapUser[] | Wanted {
  if (!isConfigMap(value)) return new Wanted("a map of users");
  const users: BootstrapUser[] = [];
  for (const [name, section] of Object.entries(value)) {
    const user = userOf(name, section);
    if (user instanceof Wanted) return user;
    users.push(user);
  }
  return users;
}

function userOf(name: string, section: unknown): BootstrapUser | Wanted {
  const wanted = new Wanted(
    `password and a list of options (createdb, ...) for the user ${name}`,
  );
  if (isAbsent(section)) return { name, password: null, options: [] };
  if (!isConfigMap(section)) return wanted;
  const secret = ownValue(section, "password");
  const list = ownValue(section, "options");
  const password = isAbsent(secret) ? null : text(secret);
  const options = isAbsent(list) ? [] : textList(list);
  if (password instanceof Wanted || options instanceof Wanted) return wanted;
  const words = options.map((each) =>
    each.trim().replace(/\s+/g, " ").toUpperCase()
  );
  return words.every((word) => OPTION.test(word))
    ? { name, password, options: words }
    : wanted;
}
