/**
 * `edit-config`: changes the dynamic configuration by options, by files or in
 * an editor, and writes it only if nobody else changed it meanwhile.
 */
import { visibleBlock } from "../../core/base/visible.ts";
import { isDeepStrictEqual } from "node:util";
import {
  type ConfigMap,
  mergePatch,
} from "../../core/calc/documents/config_merge.ts";
import { encodeJson } from "../../core/codec/json.ts";
import {
  parameterSetting,
  parseDocument,
  withoutNulls,
  withSetting,
} from "../config_edit.ts";
import type { CliContext } from "../context.ts";
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  FORCE_OPTION,
  GROUP_OPTION,
} from "../definition.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { confirm } from "../prompts.ts";
import {
  clusterName,
  print,
  printBlock,
  type Session,
  withScope,
} from "../session.ts";
import type { Scope } from "../session.ts";
import { unifiedDiff } from "../unified_diff.ts";
import { toYaml } from "../../patroni/yaml_text.ts";

const STDIN = "-";
const RED = "\x1b[31m";
const GREEN = "\x1b[32m";
const PLAIN = "\x1b[0m";

/** `edit-config`. */
export const EDIT_CONFIG_COMMAND: CommandDefinition = {
  name: "edit-config",
  summary: "Change the dynamic configuration of a cluster",
  arguments: [CLUSTER_ARGUMENT],
  options: [
    GROUP_OPTION,
    { flags: ["--quiet", "-q"], value: "none", help: "Show no differences" },
    {
      flags: ["--set", "-s"],
      value: "text",
      isRepeatable: true,
      help: "Set a value, KEY.KEY=VALUE; null removes it. May be repeated",
    },
    {
      flags: ["--pg", "-p"],
      value: "text",
      isRepeatable: true,
      help: "Set a PostgreSQL parameter, NAME=VALUE. May be repeated",
    },
    {
      flags: ["--apply"],
      value: "text",
      help: "Merge the YAML of a file into the configuration; - is stdin",
    },
    {
      flags: ["--replace"],
      value: "text",
      help: "Replace the configuration by the YAML of a file; - is stdin",
    },
    FORCE_OPTION,
  ],
  run: async (invocation, session) => {
    const name = clusterName(session, invocation.positionals[0]);
    const group = invocation.number("--group") ?? session.settings.citusGroup;
    await withScope(
      session,
      { name, group },
      (scope) => editConfig(invocation, session, scope),
    );
  },
};

async function editConfig(
  invocation: Invocation,
  session: Session,
  scope: Scope,
): Promise<void> {
  const { config } = await scope.read();
  const before = config?.document ?? null;
  if (config === null || before === null) {
    throw new CliError(
      `The config key does not exist in the cluster ${scope.name}`,
    );
  }
  const isQuiet = invocation.has("--quiet");
  const after = await edited(invocation, session.context, {
    before,
    cluster: scope.name,
  });
  if (isDeepStrictEqual(before, after)) {
    if (!isQuiet) print(session, "Not changed");
    return;
  }
  if (!isQuiet) await showDiff(session, toYaml(before), toYaml(after));
  if (!await isApproved(invocation, session)) return;
  const key = "config";
  const { revision } = config;
  const result = await scope.write({
    when: [{ kind: "revision_is", key, revision }],
    edits: [{ kind: "put", key, value: encodeJson(after), session: null }],
  });
  if (result.kind === "condition_failed") {
    throw new CliError("Config modification aborted due to concurrent changes");
  }
  print(session, "Configuration changed");
}

async function isApproved(
  invocation: Invocation,
  session: Session,
): Promise<boolean> {
  if (invocation.has("--force")) return true;
  const isStdinUsed = invocation.text("--apply") === STDIN ||
    invocation.text("--replace") === STDIN;
  if (isStdinUsed) {
    print(session, "Use --force option to apply changes");
    return false;
  }
  return await confirm(session.context, "Apply these changes?");
}

interface EditStart {
  readonly before: ConfigMap;
  readonly cluster: string;
}

/** Each step works on the result of the one before. */
async function edited(
  invocation: Invocation,
  context: CliContext,
  { before, cluster }: EditStart,
): Promise<ConfigMap> {
  const replacePath = invocation.text("--replace");
  const applyPath = invocation.text("--apply");
  const settings = [
    ...invocation.texts("--set"),
    ...invocation.texts("--pg").map(parameterSetting),
  ];
  if (replacePath === null && applyPath === null && settings.length === 0) {
    return await editedByHand(context, { before, cluster });
  }
  let document = before;
  if (replacePath !== null) {
    document = withoutNulls(await readDocument(context, replacePath));
  }
  if (applyPath !== null) {
    const patch = await readDocument(context, applyPath);
    document = mergePatch(document, patch).value;
  }
  return settings.reduce(withSetting, document);
}

async function readDocument(
  { terminal, files }: CliContext,
  path: string,
): Promise<ConfigMap> {
  const text = path === STDIN
    ? await terminal.readAll()
    : await files.readText(path);
  if (text === null) throw new CliError(`Cannot read file ${path}`);
  return parseDocument(text, path === STDIN ? "stdin" : path);
}

async function editedByHand(
  context: CliContext,
  { before, cluster }: EditStart,
): Promise<ConfigMap> {
  const file = await context.files.makeTemporary(
    { prefix: `${cluster}-config-`, suffix: ".yaml" },
    toYaml(before),
  );
  try {
    await runEditor(context, file.path);
    const text = await context.files.readText(file.path);
    if (text === null) throw new CliError("The edited file is gone");
    return parseDocument(text, "The edited file");
  } finally {
    await file.remove();
  }
}

async function runEditor(context: CliContext, path: string): Promise<void> {
  const wanted = context.environment["EDITOR"] ?? "";
  const programs = wanted === "" ? ["editor", "vi"] : [wanted];
  for (const program of programs) {
    const call = { program, args: [path], input: null };
    const code = await context.runProgram(call);
    if (code === null) continue;
    if (code === 0) return;
    throw new CliError(`Editor exited with return code ${code}`);
  }
  throw new CliError(
    "EDITOR environment variable is not set. editor or vi are not available",
  );
}

async function showDiff(
  session: Session,
  before: string,
  after: string,
): Promise<void> {
  const { context } = session;
  const lines = unifiedDiff(before, after);
  if (!context.terminal.isOutputTty) {
    for (const line of lines) printBlock(session, line);
    return;
  }
  const input = lines.map((line) => `${colored(visibleBlock(line))}\n`).join(
    "",
  );
  const wanted = context.environment["PAGER"] ?? "";
  const programs = wanted === "" ? ["less", "more"] : [wanted];
  for (const program of programs) {
    const args = program === "less" ? ["-FRSX"] : [];
    if (await context.runProgram({ program, args, input }) !== null) return;
  }
  throw new CliError(
    "No pager could be found. Either set PAGER environment variable with " +
      'your pager or install either "less" or "more" in the host.',
  );
}

function colored(line: string): string {
  if (line.startsWith("+")) return `${GREEN}${line}${PLAIN}`;
  return line.startsWith("-") ? `${RED}${line}${PLAIN}` : line;
}
