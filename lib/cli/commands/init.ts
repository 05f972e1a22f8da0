/** `init`: makes this host the first of a new cluster. */
import type { InitWish } from "../../setup/init_wish.ts";
import type { SetupOutcome } from "../../setup/outcome.ts";
import { shownFiles } from "../../setup/plan.ts";
import type { CliContext } from "../context.ts";
import type { OfflineCommand } from "../definition.ts";
import { CliError, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { agree } from "../prompts.ts";
import {
  ADDRESS_OPTION,
  CONFIG_DIR_OPTION,
  DATA_DIR_OPTION,
  DRY_RUN_OPTION,
  NAME_OPTION,
  NO_START_OPTION,
  PG_BIN_OPTION,
  placesOf,
  requiredAddress,
  SOCKET_DIR_OPTION,
  storeOf,
  USER_OPTION,
  wantedVip,
} from "../setup_options.ts";

/** `init`. */
export const INIT_COMMAND: OfflineCommand = {
  name: "init",
  isOwn: true,
  summary: "Make this host the first member of a new cluster",
  arguments: [],
  options: [
    ADDRESS_OPTION,
    {
      flags: ["--cluster"],
      value: "text",
      help: "Name of the cluster (main)",
    },
    NAME_OPTION,
    {
      flags: ["--vip"],
      value: "text",
      help: "Address that moves with the leader, for example 10.0.0.10/24",
    },
    {
      flags: ["--etcd-hosts"],
      value: "text",
      help:
        "Servers of an etcd cluster that there is, with commas (none: each host runs a member of its own)",
    },
    {
      flags: ["--store"],
      value: "text",
      help: "Address of another store, for example consul://10.0.0.1:8500",
    },
    ...[DATA_DIR_OPTION, PG_BIN_OPTION, USER_OPTION],
    ...[CONFIG_DIR_OPTION, SOCKET_DIR_OPTION],
    {
      flags: ["--adopt"],
      value: "none",
      help: "Take over the PostgreSQL that runs here, as it is",
    },
    {
      flags: ["--yes"],
      value: "none",
      help: "Do not ask before a server is taken over",
    },
    ...[DRY_RUN_OPTION, NO_START_OPTION],
  ],
  runOffline: async (invocation, { context }) => {
    const { initHost } = await import("../../setup/init.ts");
    const wish = wishOf(invocation);
    const world = await context.openSetup();
    const outcome = await initHost(wish, world);
    if (outcome.kind !== "to_agree") return tell(outcome, wish, context);
    context.terminal.write(outcome.steps);
    await agree(context, "Take it over?", invocation.has("--yes"));
    const agreed = { dataDir: givenDataDir(invocation), agreed: outcome.steps };
    const done = await initHost({ ...wish, adopt: agreed }, world);
    if (done.kind !== "to_agree") return tell(done, wish, context);
    throw new CliError(
      `Nothing was changed: the server is another one by now.\n${done.steps}`,
    );
  },
};

function wishOf(invocation: Invocation): InitWish {
  const { store, namespace } = storeOf(invocation, "init");
  return {
    scope: invocation.text("--cluster") ?? "main",
    namespace,
    name: invocation.text("--name"),
    address: requiredAddress(invocation, "init"),
    vip: wantedVip(invocation, "init"),
    user: invocation.text("--user") ?? "postgres",
    pgBin: invocation.text("--pg-bin"),
    places: placesOf(invocation),
    store,
    adopt: invocation.has("--adopt")
      ? { dataDir: givenDataDir(invocation), agreed: null }
      : null,
    isDryRun: invocation.has("--dry-run"),
    isStarted: !invocation.has("--no-start"),
  };
}

function givenDataDir(invocation: Invocation): string | null {
  return invocation.has("--data-dir") ? placesOf(invocation).dataDir : null;
}

function tell(
  outcome: SetupOutcome,
  wish: InitWish,
  { terminal }: CliContext,
): void {
  if (outcome.kind === "refused") throw new CliError(refusalText(outcome));
  for (const note of outcome.notes) terminal.writeError(`NOTE: ${note}\n`);
  if (outcome.kind === "planned") {
    terminal.write(shownFiles(outcome.files));
    return;
  }
  const { name, scope, isRepeated, tokens } = outcome;
  const what = isRepeated ? "was set up before" : "is set up";
  const { configDir } = wish.places;
  terminal.write(
    `This host ${what}: ${name}, of the cluster ${scope}.\n` +
      startText(wish, configDir),
  );
  if (tokens.length === 0) return;
  terminal.write(
    "On each further host, within a day (matriarch token create makes more):\n" +
      tokens.map((token) =>
        `  matriarch join ${wish.address} ${token} --address ADDRESS-OF-THAT-HOST\n`
      ).join(""),
  );
}

/** All that is in the way, at once. */
export function refusalText(
  { problems }: { readonly problems: readonly string[] },
): string {
  const [only] = problems;
  if (problems.length === 1 && only !== undefined) return only;
  return `${problems.length} things are in the way, nothing was changed:\n` +
    problems.map((problem) => `- ${problem}`).join("\n");
}

/** How it goes on from here. */
export function startText(
  { isStarted }: { readonly isStarted: boolean },
  configDir: string,
  program: "run" | "proxy" = "run",
): string {
  return isStarted
    ? `It runs as the service matriarch; matriarch -c ${configDir}/matriarch.yml list shows it.\n`
    : `Nothing was started. Start it by: matriarch ${program} ${configDir}/matriarch.yml\n`;
}

/** @throws {UsageError} Always. */
export function misuse(command: string, text: string): never {
  throw new UsageError(command, text);
}
