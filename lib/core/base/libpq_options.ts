/**
 * What libpq's connection keywords mean for connections that we make ourselves,
 * without libpq: which encryption is tried in which order, and which values ask
 * for something that we cannot do. Those are refused by name, never ignored.
 *
 * Source: PostgreSQL 17 manual, "SSL Mode Descriptions" and "Parameter Key Words".
 */

/** One way to begin a connection. */
export type Way = "plain" | "tls" | "tls_if_offered";

/** Keyword to value. */
export type LibpqOptions = Readonly<Record<string, string>>;

const WAYS: Readonly<Record<string, readonly Way[]>> = {
  disable: ["plain"],
  allow: ["plain", "tls"],
  prefer: ["tls_if_offered", "plain"],
  require: ["tls"],
  "verify-ca": ["tls"],
  "verify-full": ["tls"],
};

/** Why not, by keyword; null: the value can be used. */
const CHECKS: Readonly<Record<string, (value: string) => string | null>> = {
  sslmode: (value) => oneOf(Object.keys(WAYS), value),
  gssencmode: (value) =>
    value === "require"
      ? "the agent's own connections cannot be encrypted by GSSAPI"
      : oneOf(["disable", "prefer"], value),
  channel_binding: (value) =>
    value === "require"
      ? "the agent's own connections cannot bind channels; sslmode: verify-full proves the server's identity"
      : oneOf(["disable", "prefer"], value),
  sslnegotiation: (value) => oneOf(["postgres", "direct"], value),
  sslcrl: () => NO_REVOCATION,
  sslcrldir: () => NO_REVOCATION,
};

const NO_REVOCATION =
  "the agent's own connections cannot check revocation lists";

function oneOf(words: readonly string[], value: string): string | null {
  return words.includes(value) ? null : `it must be ${words.join(", ")}`;
}

/** Why the value of one keyword cannot be used; null: it can. */
export function optionProblem(name: string, value: string): string | null {
  return CHECKS[name]?.(value) ?? null;
}

/** Why the keywords together cannot be used, naming the one; null: they can. */
export function optionsProblem(options: LibpqOptions): string | null {
  for (const [name, value] of Object.entries(options)) {
    const problem = optionProblem(name, value);
    if (problem !== null) return `${name}: ${value}: ${problem}`;
  }
  const { sslmode = "prefer", sslnegotiation, sslrootcert } = options;
  const isWeak = ["disable", "allow", "prefer"].includes(sslmode);
  if (sslnegotiation === "direct" && isWeak) {
    return `sslnegotiation: direct: sslmode must be require or stronger, it is ${sslmode}`;
  }
  if (sslrootcert === "system" && sslmode !== "verify-full") {
    return `sslrootcert: system: sslmode must be verify-full, it is ${sslmode}`;
  }
  return null;
}

/** In which order encryption is tried; a socket's directory needs none. */
export function waysOf(options: LibpqOptions, host: string): readonly Way[] {
  if (host.startsWith("/")) return ["plain"];
  return WAYS[options["sslmode"] ?? "prefer"] ?? ["tls"];
}

/**
 * What is checked of the server's certificate. With a root certificate `require`
 * means verify-ca.
 */
export function verificationOf(
  options: LibpqOptions,
  root: string | null,
): "nothing" | "authority" | "name" {
  const { sslmode } = options;
  if (sslmode === "verify-full") return "name";
  const isChecked = sslmode === "verify-ca" ||
    (sslmode === "require" && root !== null);
  return isChecked ? "authority" : "nothing";
}

const ENVIRONMENT: Readonly<Record<string, string>> = {
  PGSSLMODE: "sslmode",
  PGSSLCERT: "sslcert",
  PGSSLKEY: "sslkey",
  PGSSLROOTCERT: "sslrootcert",
  PGSSLCRL: "sslcrl",
  PGSSLCRLDIR: "sslcrldir",
  PGGSSENCMODE: "gssencmode",
  PGCHANNELBINDING: "channel_binding",
  PGSSLNEGOTIATION: "sslnegotiation",
  PGREQUIREAUTH: "require_auth",
};

/** What libpq takes from the environment for keywords that are not given. */
export function optionsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): LibpqOptions {
  return Object.fromEntries(
    Object.entries(ENVIRONMENT).flatMap(([variable, name]) => {
      const value = environment[variable] ?? "";
      return value === "" ? [] : [[name, value]];
    }),
  );
}

/** A password that a server can ask for otherwise than by SCRAM. */
export type WeakMethod = "password" | "md5";

/**
 * Whether a server's request is answered. Without `require_auth` only SCRAM is,
 * and md5 where that is expected.
 */
export function isAnswered(
  method: WeakMethod,
  requireAuth: string | undefined,
  expected: "scram" | "md5",
): boolean {
  if (requireAuth === undefined || requireAuth.trim() === "") {
    return method === expected;
  }
  const words = requireAuth.split(",").map((word) => word.trim());
  return words.every((word) => word.startsWith("!"))
    ? !words.includes(`!${method}`)
    : words.includes(method);
}
