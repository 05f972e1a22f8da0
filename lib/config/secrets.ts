/**
 * Masks passwords before a value reaches a log line, an error or a REST body.
 *
 * It errs on the side of hiding: text after a password that cannot be told
 * from the password is hidden too.
 */
import { isConfigMap } from "../core/calc/documents/config_merge.ts";

/** What stands where a secret was. */
export const MASK = "***";

const SECRET_KEY =
  /(?:^|[_-])password$|^(?:ssl|pg)password$|^(?:(?:session_)?token|auth_data|authorization)$|secret/i;

/** Section of receivers, whose addresses are secrets of their own: who knows one can post there. */
const RECEIVERS_KEY = "notify";

const URL_USER = /:\/\/[^\s:@/]*:/;

const NAMED_PASSWORD =
  /(password["']?\s*[=:]\s*)(?:'(?:[^'\\]|\\.)*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$)|(?:\\.|[^\s\\])+)/gis;

/**
 * Whether the value of a key with this name is a secret.
 *
 * @param key The last part of a dotted path, or an environment variable.
 */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key);
}

/**
 * Text with the passwords of URLs and connection strings masked.
 *
 * Covers `scheme://user:PASSWORD@host`, `password=...` in keyword strings,
 * options and URL queries, and `password: ...` in YAML and JSON texts.
 */
export function redactText(text: string): string {
  return text.replace(/\S+/g, withoutUrlPassword)
    .replace(NAMED_PASSWORD, `$1${MASK}`);
}

/** A password may hold any sign, so it ends at the last at-sign of the word. */
function withoutUrlPassword(word: string): string {
  const user = URL_USER.exec(word);
  if (user === null) return word;
  const begin = user.index + user[0].length;
  const end = word.lastIndexOf("@");
  return end < begin ? word : word.slice(0, begin) + MASK + word.slice(end);
}

/**
 * Copy of a value that may be shown: secrets by key and inside texts masked.
 *
 * @param value A configuration value or document.
 * @param key The key under which the value stands, if there is one.
 */
export function redact(value: unknown, key = ""): unknown {
  const isEmpty = value === null || value === undefined || value === "";
  if (isEmpty) return value;
  if (isSecretKey(key)) return MASK;
  if (key === RECEIVERS_KEY) return redactReceivers(value);
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map((item) => redact(item));
  if (!isConfigMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, redact(item, name)]),
  );
}

function redactReceivers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactReceivers);
  if (typeof value === "string") return withoutPath(value);
  const shown = redact(value);
  if (!isConfigMap(shown) || !isConfigMap(value)) return shown;
  return Object.hasOwn(value, "url")
    ? { ...shown, url: withoutPath(value["url"]) }
    : shown;
}

function withoutPath(url: unknown): string {
  const parsed = typeof url === "string" ? URL.parse(url) : null;
  // Of another scheme the origin is the text "null".
  return parsed === null || parsed.host === ""
    ? MASK
    : `${parsed.protocol}//${parsed.host}/${MASK}`;
}
