/**
 * The names of this host, as it knows them itself: a page that gives a name of its
 * own this host's address is refused, also if that name begins like the host's.
 *
 * Source: Linux manual, hosts(5), resolv.conf(5).
 */

/** Where the names stand. */
export interface NameFiles {
  readonly hosts: string;
  readonly resolv: string;
}

/** Texts of the files that are there. */
export function readNameFiles(): NameFiles {
  return { hosts: textOf("/etc/hosts"), resolv: textOf("/etc/resolv.conf") };
}

/**
 * Names in small letters: the host's, the same in its domains, and what
 * `/etc/hosts` calls it besides.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const files = { hosts: "127.0.1.1 db1.corp.example DB1", resolv: "search b.example" };
 * assert.deepEqual([...ownNames("db1", files)], ["db1", "db1.b.example", "db1.corp.example"]);
 * ```
 */
export function ownNames(
  hostname: string,
  { hosts, resolv }: NameFiles,
): ReadonlySet<string> {
  const own = hostname.toLowerCase();
  const short = own.split(".")[0] ?? own;
  const domains = linesOf(resolv).flatMap(([word, ...rest]) =>
    word === "search" || word === "domain" ? rest : []
  );
  const others = linesOf(hosts).map(([_address, ...names]) => names)
    .filter((names) => names.includes(own) || names.includes(short))
    .flat();
  return new Set([
    ...[own, short],
    ...domains.map((domain) => `${short}.${domain.replace(/\.$/, "")}`),
    ...others,
  ]);
}

function linesOf(text: string): readonly (readonly string[])[] {
  return text.toLowerCase().split("\n").map((line) =>
    (line.split(/[#;]/)[0] ?? "").split(/\s/).filter((word) => word !== "")
  );
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
