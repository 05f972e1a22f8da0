/** What a server says of itself: one statement, and what it answers. */
import {
  asObject,
  type JsonObject,
  parseJsonObject,
  readCount,
  readText,
  readTexts,
} from "../../core/codec/json.ts";
import type { ServerSetting } from "../../config/generate/running.ts";

/** A setting, and the file that it comes from. */
export interface FiledSetting extends ServerSetting {
  /** Empty: from no file. */
  readonly file: string;
}

/** All that is asked. */
export interface ServerFacts {
  /** As in `server_version_num`. */
  readonly version: number;
  readonly isSuperuser: boolean;
  readonly isStandby: boolean;
  readonly settings: readonly FiledSetting[];
  readonly roles: readonly string[];
  /** Text of pg_hba.conf, and of pg_ident.conf. */
  readonly hba: string;
  readonly ident: string;
  /** Lines of pg_hba.conf that PostgreSQL cannot read. */
  readonly hbaErrors: number;
  readonly slots: readonly string[];
  /** Standbys and other receivers of WAL. */
  readonly receivers: number;
  /** Folders of tablespaces outside of the data directory. */
  readonly tablespaces: readonly string[];
}

/** The statement. Source: PostgreSQL 17 manual, "System Views". */
export const FACTS_SQL = `SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'isSuperuser', current_setting('is_superuser') = 'on',
  'isStandby', pg_is_in_recovery(),
  'settings', (SELECT json_agg(json_build_object('name', name,
    'value', current_setting(name), 'source', source, 'context', context,
    'file', coalesce(sourcefile, ''))) FROM pg_settings
    WHERE context <> 'internal'),
  'roles', (SELECT json_agg(rolname) FROM pg_roles),
  'hba', pg_read_file(current_setting('hba_file')),
  'ident', pg_read_file(current_setting('ident_file'), 0, 1048576, true),
  'hbaErrors', (SELECT count(*) FROM pg_hba_file_rules
    WHERE error IS NOT NULL),
  'slots', (SELECT coalesce(json_agg(slot_name), '[]')
    FROM pg_replication_slots WHERE NOT temporary),
  'receivers', (SELECT count(*) FROM pg_stat_replication),
  'tablespaces', (SELECT coalesce(json_agg(pg_tablespace_location(oid)), '[]')
    FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global'))
)`;

/** Null: that is no answer to {@link FACTS_SQL}. */
export function decodeServerFacts(text: string): ServerFacts | null {
  const fields = parseJsonObject(text);
  if (fields === null) return null;
  const lists = ["roles", "slots", "tablespaces"]
    .map((name) => readTexts(fields[name]));
  const [roles, slots, tablespaces] = lists;
  const settings = settingsIn(fields["settings"]);
  const numbers = ["version", "hbaErrors", "receivers"]
    .map((name) => readCount(fields[name]));
  const [version, hbaErrors, receivers] = numbers;
  if (!roles || !slots || !tablespaces || settings === null) return null;
  if (version == null || hbaErrors == null || receivers == null) return null;
  return {
    ...{ version, hbaErrors, receivers, roles, slots, tablespaces, settings },
    isSuperuser: fields["isSuperuser"] === true,
    isStandby: fields["isStandby"] === true,
    hba: readText(fields["hba"]) ?? "",
    ident: readText(fields["ident"]) ?? "",
  };
}

/** The value of a setting; empty: there is none of that name. */
export function settingOf({ settings }: ServerFacts, name: string): string {
  return settings.find((each) => each.name === name)?.value ?? "";
}

function settingsIn(value: unknown): readonly FiledSetting[] | null {
  if (!Array.isArray(value)) return null;
  return value.map((each: unknown) => {
    const fields: JsonObject = asObject(each) ?? {};
    const text = (name: string): string => {
      const found = fields[name];
      return typeof found === "string" ? found : "";
    };
    return {
      ...{ name: text("name"), value: text("value"), file: text("file") },
      ...{ source: text("source"), context: text("context") },
    };
  });
}
