/**
 * Reads YAML as the files of existing clusters mean it: version 1.1, with the
 * implicit types of docs/contract/configuration.md 1.1 and nothing beyond plain data.
 *
 * Two values differ from Patroni on purpose: dates stay the text as written,
 * and whole numbers that a double cannot hold stay decimal text, so that an
 * unquoted password of digits survives. Error messages never quote the file,
 * because the faulty line may hold a password.
 */
import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  type ScalarTag,
  type Tags,
  visit,
} from "yaml";
import { isConfigMap } from "../core/calc/documents/config_merge.ts";

/** A text is not YAML that can be read as plain data. */
export class YamlError extends Error {
  override readonly name: string = "YamlError";
}

const DEPTH_MAX = 64;
const ALIASES_MAX = 1000;

const boolTag: ScalarTag = {
  default: true,
  tag: "tag:yaml.org,2002:bool",
  test:
    /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|true|on)$/i.test(text),
};

const nullTag: ScalarTag = {
  default: true,
  tag: "tag:yaml.org,2002:null",
  test: /^(?:~|null|Null|NULL)?$/,
  resolve: () => null,
};

const integerTag: ScalarTag = {
  default: true,
  tag: "tag:yaml.org,2002:int",
  test:
    /^[-+]?(?:0b_*[01][01_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0[0-7_]*|[1-9][0-9_]*(?::[0-5]?[0-9])*)$/,
  resolve: resolveInteger,
};

const floatTag: ScalarTag = {
  default: true,
  tag: "tag:yaml.org,2002:float",
  test:
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  resolve: resolveFloat,
};

/** An explicit `!!timestamp` is accepted; what it marks stays text. */
const timestampTag: ScalarTag = {
  default: false,
  tag: "tag:yaml.org,2002:timestamp",
  resolve: (text) => text,
};

/**
 * Plain data that a YAML 1.1 text holds; `null` for an empty text.
 *
 * @returns Maps, lists, texts, numbers, booleans and null; keys are texts.
 * @throws {YamlError} If the text is no YAML, holds several documents, uses
 * other types than these, or is nested deeper than 64 levels.
 *
 * Source: YAML 1.1 type repository (bool, int, float, null, merge); Patroni
 * 4.1.4 reads its files with PyYAML's safe loader.
 */
export function parseYaml11(text: string): unknown {
  return readYaml11(text).value;
}

/** Plain data, and where a number does not read as it was written. */
export interface YamlReading {
  readonly value: unknown;
  readonly rewritten: readonly RewrittenNumber[];
}

/** `0123` is 83, `1_000` is 1000, `12:30` is 750, `1.10` is 1.1. */
export interface RewrittenNumber {
  /** Dotted, list elements by index. */
  readonly path: string;
  readonly line: number;
}

/** The same as `parseYaml11()`, with what a text in its place would have lost. */
export function readYaml11(text: string): YamlReading {
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      version: "1.1",
      schema: "yaml-1.1",
      merge: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "error",
      resolveKnownTags: false,
      lineCounter: lines,
      customTags: plainDataTags,
    });
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) {
      throw new YamlError(
        `${placeOf(problem.pos[0], lines)}: ${withoutQuotes(problem.message)}`,
      );
    }
    const unresolved = unresolvedAlias(document);
    if (unresolved !== null) {
      throw new YamlError(
        `${
          placeOf(unresolved, lines)
        }: Unresolved alias: a value that begins ` +
          'with * is one in YAML; put it in quotes, like "*:5432"',
      );
    }
    return {
      value: plainData(document.toJS({ maxAliasCount: ALIASES_MAX }), 0),
      rewritten: rewrittenNumbers(document.contents, "", lines),
    };
  } catch (error) {
    throw error instanceof YamlError ? error : new YamlError(cause(error));
  }
}

function placeOf(offset: number, lines: LineCounter): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line}, column ${col}`;
}

/** Where the first alias stands that names nothing; the library tells no place of it. */
function unresolvedAlias(document: ReturnType<typeof parseDocument>) {
  let found: number | null = null;
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return found;
}

function rewrittenNumbers(
  node: unknown,
  path: string,
  lines: LineCounter,
): readonly RewrittenNumber[] {
  const below = (key: unknown, item: unknown) =>
    rewrittenNumbers(item, path === "" ? `${key}` : `${path}.${key}`, lines);
  if (isMap(node)) {
    return node.items.flatMap(({ key, value }) => below(key, value));
  }
  if (isSeq(node)) {
    return node.items.flatMap((item, index) => below(index, item));
  }
  if (!isScalar(node) || !isRewritten(node)) return [];
  return [{ path, line: lines.linePos(node.range?.[0] ?? 0).line }];
}

/** Numbers that a double cannot hold are texts here, of their decimal digits. */
function isRewritten({ value, source, type }: Scalar): boolean {
  return type === "PLAIN" && source !== undefined &&
    (typeof value === "number" ||
      /^[-+]?[0-9][0-9_:xXa-fA-F]*$/.test(source)) &&
    String(value) !== source;
}

/** Keeps the library's map, seq and str; everything else is ours. */
function plainDataTags(known: Tags): Tags {
  const kept = known.filter((tag) =>
    typeof tag !== "string" && /:(?:map|seq|str)$/.test(tag.tag)
  );
  return [...kept, nullTag, boolTag, integerTag, floatTag, timestampTag];
}

function resolveInteger(text: string): number | string {
  const digits = text.replaceAll("_", "").replace(/^[-+]/, "");
  const magnitude = digits.includes(":")
    ? sexagesimal(digits)
    : BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const exact = text.startsWith("-") ? -magnitude : magnitude;
  const value = Number(exact);
  return Number.isSafeInteger(value) ? value : String(exact);
}

function sexagesimal(digits: string): bigint {
  return digits.split(":").reduce(
    (sum, group) => sum * 60n + BigInt(group),
    0n,
  );
}

function resolveFloat(text: string): number {
  const digits = text.replaceAll("_", "").toLowerCase();
  const sign = digits.startsWith("-") ? -1 : 1;
  if (digits.endsWith(".inf")) return sign * Infinity;
  if (digits.endsWith(".nan")) return NaN;
  const magnitude = digits.replace(/^[-+]/, "").split(":").reduce(
    (sum, group) => sum * 60 + Number(group),
    0,
  );
  return sign * magnitude;
}

/** Rebuilds the value, so that cycles and shared parts are gone. */
function plainData(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) {
    throw new YamlError(`nested deeper than ${DEPTH_MAX} levels`);
  }
  if (Array.isArray(value)) {
    return value.map((item) => plainData(item, depth + 1));
  }
  if (!isConfigMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      plainData(item, depth + 1),
    ]),
  );
}

/** The parser quotes offending text after a colon, quote or backslash. */
function withoutQuotes(message: string): string {
  return message.split(/[:"'\\]/, 1)[0]?.trim() ?? "invalid YAML";
}

function cause(error: unknown): string {
  return error instanceof Error
    ? withoutQuotes(error.message)
    : "cannot be read";
}
