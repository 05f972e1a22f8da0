/** `join`: makes this host a further member of a cluster. */
import { parseHostPort } from "../../config/addresses.ts";
import type { DeskPeer } from "../../setup/ask_desk.ts";
import type { JoinWish } from "../../setup/join_wish.ts";
import type { SetupOutcome } from "../../setup/outcome.ts";
import { shownFiles } from "../../setup/plan.ts";
import { parseToken } from "../../setup/token.ts";
import type { CliContext } from "../context.ts";
import type { OfflineCommand } from "../definition.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
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
  USER_OPTION,
} from "../setup_options.ts";
import { misuse, refusalText, startText } from "./init.ts";

/** `join`. */
export const JOIN_COMMAND: OfflineCommand = {
  name: "join",
  isOwn: true,
  summary: "Make this host a further member of a cluster",
  arguments: [
    { name: "ADDRESS", arity: "optional" },
    { name: "TOKEN", arity: "optional" },
  ],
  options: [
    ...[ADDRESS_OPTION, NAME_OPTION, DATA_DIR_OPTION, PG_BIN_OPTION],
    ...[USER_OPTION, CONFIG_DIR_OPTION, SOCKET_DIR_OPTION],
    ...[DRY_RUN_OPTION, NO_START_OPTION],
    {
      flags: ["--renew"],
      value: "none",
      help: "Only another certificate, for a host whose own has expired",
    },
    {
      flags: ["--witness"],
      value: "none",
      help: "A vote in the store and a proxy, no PostgreSQL",
    },
  ],
  runOffline: async (invocation, { context }) => {
    if (invocation.has("--renew")) return await renew(invocation, context);
    const { joinHost } = await import("../../setup/join.ts");
    const wish = await wishOf(invocation, context);
    const world = await context.openSetup();
    tell(await joinHost(wish, world), wish, context);
  },
};

async function renew(
  invocation: Invocation,
  context: CliContext,
): Promise<void> {
  const { renewHost } = await import("../../setup/renew_host.ts");
  const { configDir } = placesOf(invocation);
  const isStarted = !invocation.has("--no-start");
  const outcome = await renewHost({
    ...{ ...await peerAndToken(invocation, context), configDir, isStarted },
    user: invocation.text("--user") ?? "postgres",
  }, await context.openSetup());
  if (outcome.kind === "refused") throw new CliError(refusalText(outcome));
  context.terminal.write(`${outcome.name} has a new certificate.\n`);
}

async function wishOf(
  invocation: Invocation,
  context: CliContext,
): Promise<JoinWish> {
  const isWitness = invocation.has("--witness");
  const user = invocation.text("--user");
  const ofPostgres = ["--pg-bin", "--socket-dir"]
    .find((flag) => invocation.text(flag) !== null);
  if (isWitness && ofPostgres !== undefined) {
    misuse("join", `A witness has no PostgreSQL: leave out '${ofPostgres}'.`);
  }
  return {
    ...await peerAndToken(invocation, context),
    ...{ isWitness, mayMakeUser: isWitness && user === null },
    name: invocation.text("--name"),
    address: requiredAddress(invocation, "join"),
    user: user ?? (isWitness ? WITNESS_USER : "postgres"),
    pgBin: invocation.text("--pg-bin"),
    places: placesOf(invocation),
    isDryRun: invocation.has("--dry-run"),
    isStarted: !invocation.has("--no-start"),
  };
}

/** There is no package of PostgreSQL that would have made its own. */
const WITNESS_USER = "matriarch";

/** In place of a token: who else is on this host sees the arguments of a process. */
const FROM_INPUT = "-";

/** The token says whom to ask, unless an address stands before it. */
async function peerAndToken(
  invocation: Invocation,
  { terminal }: CliContext,
): Promise<DeskPeer> {
  const { positionals } = invocation;
  const [where, given] = positionals.length === 1
    ? [null, positionals[0]]
    : [positionals[0] ?? null, positionals[1]];
  if (given === undefined) misuse("join", "Missing argument 'TOKEN'.");
  const text = given === FROM_INPUT ? await terminal.readSecret() ?? "" : given;
  const token = parseToken(text);
  if (token === null) {
    misuse("join", "TOKEN is not whole: copy all of it, beginning with mj1.");
  }
  const { port } = token.address;
  const peer = where === null ? token.address : parseHostPort(where, port);
  if (peer !== null) return { peer, token };
  misuse("join", `'${where}' is not an address, with or without a port.`);
}

function tell(
  outcome: SetupOutcome,
  wish: JoinWish,
  { terminal }: CliContext,
): void {
  if (outcome.kind === "refused") throw new CliError(refusalText(outcome));
  for (const note of outcome.notes) terminal.writeError(`NOTE: ${note}\n`);
  if (outcome.kind === "planned") {
    terminal.write(
      `${shownFiles(outcome.files)}\n` +
        "Nothing is in the way. The token was not used, so what the first " +
        "host tells is not known yet.\n",
    );
    return;
  }
  const { name, scope } = outcome;
  terminal.write(
    `This host is set up: ${name}, ${
      wish.isWitness ? "a witness of" : "of"
    } the cluster ${scope}.\n` +
      startText(
        wish,
        wish.places.configDir,
        wish.isWitness ? "proxy" : "run",
      ),
  );
}
