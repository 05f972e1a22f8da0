/**
 * Makes log lines out of records: Patroni's printf-style templates for people,
 * one JSON object per line for machines.
 *
 * Facts follow at the very end as ` key=value`, so that nothing moves in the
 * columns that existing log readers cut out.
 *
 * Source: docs/contract/configuration.md 3.2.
 */
import type { LogFacts } from "../../ports/log.ts";
import {
  asctime,
  DEFAULT_TEMPLATE,
  fillTemplate,
  levelNumber,
  templateAttributes,
} from "../../patroni/log_template.ts";
import { strftime } from "../../patroni/strftime.ts";
import type { LogRecord } from "./log_record.ts";

/** What no record knows, because it is the same for all of them. */
export interface LogIdentity {
  /** `%(name)s` */
  readonly name: string;
  /** `%(process)d` */
  readonly processId: number;
  /** strftime pattern of `%(asctime)s`; null: `YYYY-MM-DD HH:MM:SS,mmm`. */
  readonly dateformat?: string | null;
}

/** An attribute of a record as a JSON member. */
interface JsonMember {
  readonly attribute: string;
  readonly key: string;
}

/** A record as text without its line end. */
export type LogFormatter = (record: LogRecord) => string;

/** The part of section `log` that decides how lines look. */
export interface LogFormatSettings {
  readonly type: "plain" | "json";
  /** A template, or the items of the JSON form: names and `{name: output}`. */
  readonly format: string | readonly unknown[];
  /** JSON only. */
  readonly staticFields: LogFacts;
}

/**
 * The formatter that section `log` asks for. What cannot be used falls back to
 * Patroni's template, as a wrong format must not silence the log.
 */
export function formatterFor(
  { type, format, staticFields }: LogFormatSettings,
  identity: LogIdentity,
): LogFormatter {
  const template = typeof format === "string" ? format : DEFAULT_TEMPLATE;
  if (type === "plain") return plainFormatter(template, identity);
  const members = typeof format === "string"
    ? membersOfFormat(format)
    : format.flatMap(membersOfItem);
  const used = members.length > 0 ? members : membersOfFormat(DEFAULT_TEMPLATE);
  return jsonFormatter(used, staticFields, identity);
}

/** Lines from a template such as {@link DEFAULT_TEMPLATE}. */
export function plainFormatter(
  template: string,
  identity: LogIdentity,
): LogFormatter {
  return (record) => {
    const line = fillTemplate(
      template,
      (attribute) => attributeValue(attribute, record, identity),
    );
    return line + factsText(record.facts);
  };
}

/** One JSON object per record: the members, the facts, the static fields. */
function jsonFormatter(
  members: readonly JsonMember[],
  staticFields: LogFacts,
  identity: LogIdentity,
): LogFormatter {
  return (record) => {
    const entries = members.map(({ attribute, key }) =>
      [key, attributeValue(attribute, record, identity)] as const
    );
    return JSON.stringify(
      {
        ...Object.fromEntries(entries),
        ...record.facts,
        ...stackOf(record),
        ...staticFields,
      },
      (_key, value) => plainValue(value),
    );
  };
}

/** Where the error came from, for who reads the log by program. */
function stackOf({ facts }: LogRecord): LogFacts {
  const error = facts["error"];
  return error instanceof Error && error.stack !== undefined
    ? { exc_info: error.stack }
    : {};
}

/** The members that a template's attributes make up, in its order. */
function membersOfFormat(template: string): JsonMember[] {
  return templateAttributes(template)
    .map((attribute) => ({ attribute, key: attribute }));
}

function membersOfItem(item: unknown): JsonMember[] {
  if (typeof item === "string") return [{ attribute: item, key: item }];
  if (typeof item !== "object" || item === null) return [];
  return Object.entries(item).flatMap(([attribute, key]) =>
    typeof key === "string" ? [{ attribute, key }] : []
  );
}

/** Null if no record has such an attribute. */
function attributeValue(
  attribute: string,
  record: LogRecord,
  { name, processId, dateformat }: LogIdentity,
): string | number | null {
  switch (attribute) {
    case "asctime":
      return dateformat
        ? strftime(dateformat, record.wallTimeMs)
        : asctime(record.wallTimeMs);
    case "created":
      return record.wallTimeMs / 1000;
    case "msecs":
      return record.wallTimeMs % 1000;
    case "levelname":
      return record.level;
    case "levelno":
      return levelNumber(record.level);
    case "message":
      return record.message;
    case "name":
    case "module":
    case "filename":
    case "pathname":
    case "funcName":
    case "processName":
      return name;
    case "process":
      return processId;
    case "thread":
    case "lineno":
    case "relativeCreated":
      return 0;
    case "threadName":
      return "MainThread";
    default:
      return null;
  }
}

function factsText(facts: LogFacts): string {
  return Object.entries(facts)
    .map(([key, value]) => ` ${key}=${factText(value)}`)
    .join("");
}

function factText(value: unknown): string {
  const plain = plainValue(value);
  if (typeof plain === "string") {
    return /^[^\s"=]+$/.test(plain) ? plain : JSON.stringify(plain);
  }
  return JSON.stringify(plain, (_key, item) => plainValue(item)) ?? "null";
}

/** What JSON cannot carry: WAL positions become text, errors their message. */
function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return value;
}
