/**
 * `config explain KEY`: the value in force, where it comes from, what it
 * overrides, and whether a restart is pending for it. Reads only.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../../core/calc/documents/config_merge.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import { controlledParameter } from "../../config/controlled_parameters.ts";
import {
  type KeyReference,
  keyReference,
  keyReferences,
} from "../../config/key_reference.ts";
import { nearest } from "../../config/known_keys.ts";
import { redact } from "../../config/secrets.ts";
import { type CommandDefinition, GROUP_OPTION } from "../definition.ts";
import { CliError, messageOf, UsageError } from "../errors.ts";
import {
  clusterName,
  groupOf,
  printBlock,
  type Session,
  withScope,
} from "../session.ts";

const PARAMETERS = "postgresql.parameters.";
const DYNAMIC = "the dynamic configuration";

/** `config`. */
export const CONFIG_COMMAND: CommandDefinition = {
  name: "config",
  isOwn: true,
  summary: "config explain KEY: its value and where it comes from",
  arguments: [
    { name: "explain", arity: "required", choices: ["explain"] },
    { name: "KEY", arity: "required" },
  ],
  options: [GROUP_OPTION],
  run: async (invocation, session) => {
    const [action, given = ""] = invocation.positionals;
    if (action !== "explain") {
      throw new UsageError("config", `No such action '${action}'.`);
    }
    const key = fullKey(given);
    const view = await readView(session, groupOf(session, invocation));
    for (const line of explanation(session, key, view)) {
      printBlock(session, line);
    }
  },
};

/** A bare parameter's name is short for its whole path. */
function fullKey(given: string): string {
  if (keyReference(given) !== null) return given;
  const isParameter = !given.includes(".") &&
    controlledParameter(given) !== null;
  if (isParameter) return `${PARAMETERS}${given}`;
  const near = nearest(given, keyReferences().map(({ path }) => path));
  const hint = near === null ? "" : `, did you mean ${near}?`;
  throw new CliError(`The key ${given} is not known${hint}`);
}

/** The keys, or why they cannot be read: local keys need none. */
async function readView(
  session: Session,
  group: number | null,
): Promise<ClusterView | string> {
  try {
    const name = clusterName(session, undefined);
    return await withScope(session, { name, group }, (scope) => scope.read());
  } catch (error) {
    return messageOf(error);
  }
}

/** A value and the layer that it stands in. */
interface Setting {
  readonly source: string;
  readonly value: unknown;
  /** Why it does not count; null: it may. */
  readonly ignored: string | null;
}

function explanation(
  session: Session,
  key: string,
  view: ClusterView | string,
): string[] {
  const reference = keyReference(key);
  if (reference === null) throw new CliError(`The key ${key} is not known`);
  const scope = scopeOf(key, reference);
  const settings = settingsOf(session, key, { scope, view });
  const valid = settings.filter(({ ignored }) => ignored === null);
  const winner = valid.at(-1);
  const shown = (value: unknown): string =>
    textForm(redact(value, key.split(".").at(-1) ?? ""));
  const fallback = fallbackOf(key, reference);
  return [
    winner === undefined
      ? `${key} = ${fallback === "" ? "(not set)" : fallback}`
      : `${key} = ${shown(winner.value)}`,
    `  from: ${winner?.source ?? "the built-in default"}`,
    ...valid.slice(0, -1).toReversed().map(({ source, value }) =>
      `  overrides: ${shown(value)} in ${source}`
    ),
    ...(winner === undefined || fallback === ""
      ? []
      : [`  overrides: the default ${fallback}`]),
    ...settings.filter(({ ignored }) => ignored !== null).map((each) =>
      `  ignored: ${shown(each.value)} in ${each.source}: ${each.ignored}`
    ),
    ...(typeof view === "string" && scope !== "local"
      ? [`  unknown: ${DYNAMIC} cannot be read: ${view}`]
      : []),
    ...pendingLines(key, view),
    `  applies: ${APPLIES[reference.apply]}`,
    `  meaning: ${reference.meaning}`,
  ];
}

const APPLIES: Readonly<Record<KeyReference["apply"], string>> = {
  reload: "with a reload; a dynamic value in the next cycle",
  agent: "with a restart of the agent",
  restart: "with a restart of PostgreSQL",
  use: "the next time that it is used",
  once: "only while the cluster is created",
};

/** What members must agree on cannot be set by one of them. */
function scopeOf(key: string, reference: KeyReference): KeyReference["scope"] {
  const isShared = key.startsWith(PARAMETERS) &&
    controlledParameter(key.slice(PARAMETERS.length)) !== null;
  return isShared ? "dynamic" : reference.scope;
}

function fallbackOf(key: string, { fallback }: KeyReference): string {
  if (!key.startsWith(PARAMETERS)) return fallback;
  return controlledParameter(key.slice(PARAMETERS.length))?.fallback ??
    fallback;
}

function settingsOf(
  { settings }: Session,
  key: string,
  { scope, view }: {
    readonly scope: KeyReference["scope"];
    readonly view: ClusterView | string;
  },
): readonly Setting[] {
  const path = pathOf(key);
  const dynamic = typeof view === "string" ? null : view.config?.document;
  const dynamicValue = dynamic ? valueAt(dynamic, path) : undefined;
  const isLocalIgnored = scope === "dynamic";
  const isDynamicIgnored = scope === "local" || scope === "bootstrap";
  const first = dynamicValue === undefined ? [] : [{
    source: DYNAMIC,
    value: dynamicValue,
    ignored: isDynamicIgnored ? "only the local file may set it" : null,
  }];
  const local = settings.layers.flatMap(({ source, document }) => {
    const value = valueAt(document, path);
    const ignored = isLocalIgnored
      ? "only the dynamic configuration may set it"
      : null;
    return value === undefined ? [] : [{ source, value, ignored }];
  });
  const initial = settings.layers.flatMap(({ source, document }) => {
    const value = valueAt(document, ["bootstrap", "dcs", ...path]);
    const ignored = "bootstrap.dcs counts only while the cluster is created";
    return value === undefined ? [] : [{ source, value, ignored }];
  });
  return [...first, ...local, ...initial];
}

/** A parameter's name may hold dots itself. */
function pathOf(key: string): readonly string[] {
  return key.startsWith(PARAMETERS)
    ? ["postgresql", "parameters", key.slice(PARAMETERS.length)]
    : key.split(".");
}

/** Null counts as not set; PostgreSQL's names are matched in any case. */
function valueAt(document: ConfigMap, path: readonly string[]): unknown {
  let value: unknown = document;
  for (const [index, key] of path.entries()) {
    if (!isConfigMap(value)) return undefined;
    const isParameter = path[0] === "postgresql" && index === 2;
    const name = isParameter
      ? Object.keys(value).find((each) =>
        each.toLowerCase() === key.toLowerCase()
      ) ?? key
      : key;
    value = ownValue(value, name);
  }
  return value ?? undefined;
}

function pendingLines(key: string, view: ClusterView | string): string[] {
  if (typeof view === "string" || !key.startsWith(PARAMETERS)) return [];
  const wanted = key.slice(PARAMETERS.length).toLowerCase();
  return view.members.flatMap(({ name, pendingRestart }) =>
    Object.entries(pendingRestart ?? {})
      .filter(([parameter]) => parameter.toLowerCase() === wanted)
      .map(([, { oldValue, newValue }]) =>
        `  pending restart: ${name}, ${oldValue} -> ${newValue}`
      )
  );
}
