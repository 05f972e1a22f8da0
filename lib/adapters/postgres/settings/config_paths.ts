/** Where the instance's configuration files are. */
import { join } from "node:path";
import type { PostgresOptions } from "../options.ts";

/** The generated file, the user's own that it includes, and the two for access. */
export type ConfigFile = "settings" | "base" | "pg_hba.conf" | "pg_ident.conf";

/** All of them. */
export const CONFIG_FILES = [
  "settings",
  "base",
  "pg_hba.conf",
  "pg_ident.conf",
] as const satisfies readonly ConfigFile[];

/** Path of a configuration file: `.conf`, `.base.conf`, `pg_hba.conf` ... */
export function configPath(
  { configDir, configBaseName }: Pick<
    PostgresOptions,
    "configDir" | "configBaseName"
  >,
  file: ConfigFile,
): string {
  switch (file) {
    case "settings":
      return join(configDir, `${configBaseName}.conf`);
    case "base":
      return join(configDir, `${configBaseName}.base.conf`);
    case "pg_hba.conf":
    case "pg_ident.conf":
      return join(configDir, file);
  }
}
