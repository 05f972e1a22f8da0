/** The roles that the agents get in a server that is taken over: its own are not touched. */
import { silenceSql } from "../../core/base/quiet_settings.ts";
import type { Login } from "../login.ts";
import type { AdoptedServer } from "./adopted_server.ts";

/** The first of `name`, `name_2`, `name_3` ... that the server has not. */
export function freeRole(name: string, taken: readonly string[]): string {
  for (let number = 2, free = name;; free = `${name}_${number++}`) {
    if (!taken.includes(free)) return free;
  }
}

/** Statements that make both roles, also where a call that was cut short has made them. */
export function rolesSql(
  { superuser, replication }: Pick<AdoptedServer, "superuser" | "replication">,
): string {
  return [
    silenceSql(),
    "SET password_encryption = 'scram-sha-256'",
    // Waiting for a standby that is gone would wait for ever.
    "SET synchronous_commit = local",
    ...roleSql(superuser, "SUPERUSER"),
    ...roleSql(replication, "REPLICATION"),
  ].map((statement) => `${statement};\n`).join("");
}

/** Names are plain, and passwords base64url: neither needs quotes of its own. */
function roleSql(
  { username, password }: Login,
  attribute: string,
): readonly string[] {
  return [
    `DO $$ BEGIN CREATE ROLE ${username}; ` +
    "EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    `ALTER ROLE ${username} LOGIN ${attribute} PASSWORD '${password}'`,
  ];
}
