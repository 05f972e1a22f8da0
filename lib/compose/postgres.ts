/** Connects the local configuration with the PostgreSQL adapter. */
import { type EffectiveInput, effectivePostgres } from "../config/effective.ts";
import type { LocalConfig } from "../config/local_config.ts";
import { unknownDynamicKeys } from "../config/known_keys.ts";
import { formatProblem } from "../config/problems.ts";
import { agentUsers } from "../config/seal.ts";
import { slotNameOf } from "../core/codec/slot_name.ts";
import type { Log } from "../ports/log.ts";
import type { PostgresOptions } from "../adapters/postgres/options.ts";

type Document = Readonly<Record<string, unknown>>;

/** The adapter's options for this configuration. */
export function postgresOptions(
  config: LocalConfig,
  log: Log,
): PostgresOptions {
  const { postgresql, bootstrap } = config;
  const fixed = layered(config, {}, { serverVersion: 0, role: "replica" });
  return {
    scope: config.scope,
    memberName: config.name,
    slotName: slotNameOf(config.name),
    dataDir: postgresql.dataDir,
    configDir: postgresql.configDir,
    configBaseName: fixed.configBaseName,
    binDir: fixed.binDir,
    binName: fixed.binName,
    database: fixed.database,
    listen: postgresql.listen,
    authentication: postgresql.authentication,
    connectTimeoutMs: postgresql.connectTimeoutMs,
    pgpass: postgresql.pgpass ?? `${Deno.env.get("HOME") ?? "."}/pgpass`,
    bootstrap,
    sealedFor: config.proxy?.isSealed
      ? agentUsers(postgresql.authentication)
      : null,
    effective: effectiveSettings(config, log),
  };
}

/** The callbacks in force under a dynamic document: words of the command by event. */
export function callbackCommands(
  config: LocalConfig,
): (document: Document) => Readonly<Record<string, readonly string[]>> {
  return (document) => {
    const result = effectivePostgres({
      dynamic: document,
      local: config,
      serverVersion: 0,
      role: "replica",
    });
    return result.kind === "ok" ? result.config.callbacks : {};
  };
}

/** Layers documents; one that cannot be used leaves the last good settings in force. */
function effectiveSettings(
  config: LocalConfig,
  log: Log,
): PostgresOptions["effective"] {
  let lastGood: Document = {};
  const unknown = unknownKeyTeller(log);
  return (document, serverVersion, role) => {
    unknown(document);
    const result = effectivePostgres({
      dynamic: document,
      local: config,
      serverVersion,
      role,
    });
    if (result.kind === "rejected") {
      for (const problem of result.problems) log.error(formatProblem(problem));
      return layered(config, lastGood, { serverVersion, role });
    }
    for (const warning of result.warnings) log.warning(warning);
    lastGood = document;
    return result.config;
  };
}

/** Tells of misspelt keys once, however often their document is layered. */
function unknownKeyTeller(log: Log): (document: Document) => void {
  const told = new Set<string>();
  return (document) => {
    for (const { text } of unknownDynamicKeys(document)) {
      if (!told.has(text)) {
        log.warning(`${text} (in the dynamic configuration)`);
      }
      told.add(text);
    }
  };
}

/** The layers of a document that is known to be usable; `{}` always is, once the local part was loaded. */
function layered(
  config: LocalConfig,
  dynamic: Document,
  instance: Pick<EffectiveInput, "serverVersion" | "role">,
) {
  const result = effectivePostgres({ dynamic, local: config, ...instance });
  if (result.kind === "ok") return result.config;
  throw new Error(result.problems.map(formatProblem).join("\n"));
}
