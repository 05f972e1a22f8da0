/** `token`: makes, lists and revokes what lets further hosts join. */
import type { HostPort } from "../../config/addresses.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import { decodeClusterView } from "../../core/codec/cluster_view_codec.ts";
import type { Dcs } from "../../ports/dcs.ts";
import { makeToken } from "../../setup/new_token.ts";
import {
  readScopeKeys,
  type ScopeKeys,
  updateBook,
} from "../../setup/store_keys.ts";
import { tokenState } from "../../setup/token_book.ts";
import type { CommandDefinition } from "../definition.ts";
import { FORMAT_OPTION } from "../definition.ts";
import { CliError, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { left, type RowColumn } from "../member_rows.ts";
import { outputFormat, printedRows } from "../output.ts";
import { clusterName, print, type Session, withStore } from "../session.ts";

const COLUMNS: readonly RowColumn[] = ["ID", "For", "State", "Expires", "Host"]
  .map(left);

const HOUR_MS = 3_600_000;
const HOURS_USUAL = 24;
/** A month. */
const HOURS_MAX = 744;

/** `token`. */
export const TOKEN_COMMAND: CommandDefinition = {
  name: "token",
  isOwn: true,
  summary: "Let further hosts join: token create, token list, token revoke ID",
  arguments: [
    { name: "ACTION", arity: "required" },
    { name: "ID", arity: "optional" },
  ],
  options: [
    {
      flags: ["--renew"],
      value: "none",
      help: "Of create: for a member whose certificate has expired",
    },
    {
      flags: ["--hours"],
      value: "float",
      help: `Of create: how long it counts (${HOURS_USUAL})`,
    },
    FORMAT_OPTION,
  ],
  run: async (invocation, session) => {
    const act = actionOf(invocation);
    const name = clusterName(session, undefined);
    await withStore(session, { name, group: null }, (dcs) => act(session, dcs));
  },
};

type Action = (session: Session, dcs: Dcs) => Promise<void>;

/** @throws {UsageError} If there is no such action, or it lacks something. */
function actionOf(invocation: Invocation): Action {
  const [action = "", id] = invocation.positionals;
  switch (action) {
    case "create":
      return (session, dcs) => create(invocation, session, dcs);
    case "list":
      return (session, dcs) => list(invocation, session, dcs);
    case "revoke":
      if (id !== undefined) return (session, dcs) => revoke(id, session, dcs);
      throw new UsageError("token", "Missing argument 'ID'.");
  }
  throw new UsageError(
    "token",
    `'${action}' is not one of 'create', 'list', 'revoke'.`,
  );
}

async function create(
  invocation: Invocation,
  session: Session,
  dcs: Dcs,
): Promise<void> {
  const hours = invocation.number("--hours") ?? HOURS_USUAL;
  if (hours <= 0 || hours > HOURS_MAX) {
    throw new UsageError(
      "token",
      `Invalid value for '--hours': more than 0 and at most ${HOURS_MAX}.`,
    );
  }
  const { authority, address } = await signer(dcs);
  const use = invocation.has("--renew") ? "renew" : "join";
  const { host } = await session.context.openSetup();
  const token = await makeToken(dcs, {
    ...{ use, lifetimeMs: hours * HOUR_MS, address },
    authorityHash: authority.hash,
  }, host);
  print(
    session,
    use === "join"
      ? `matriarch join ${address.host} ${token} --address ADDRESS-OF-THAT-HOST`
      : `matriarch join --renew ${token}`,
  );
}

/** Who signs, and where it is. */
async function signer(
  dcs: Dcs,
): Promise<{
  readonly authority: NonNullable<ScopeKeys["authority"]>;
  readonly address: HostPort;
}> {
  const { authority } = await readScopeKeys(dcs);
  if (authority === null) {
    throw new CliError(
      "This cluster has no certificates of its own: it was not made by " +
        "matriarch init",
    );
  }
  const view = decodeClusterView(await dcs.readFresh({ timeoutMs: 10_000 }));
  const address = restAddress(view, authority.holder);
  if (address !== null) return { authority, address };
  throw new CliError(
    `${authority.holder}, which has the authority's key, is not there: start ` +
      "it, or make another authority by matriarch certs rotate",
  );
}

function restAddress(view: ClusterView, name: string): HostPort | null {
  const url = view.members.find((member) => member.name === name)?.apiUrl;
  const parsed = url === null || url === undefined ? null : URL.parse(url);
  if (parsed === null) return null;
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  return { host, port: Number(parsed.port || 443) };
}

async function list(
  invocation: Invocation,
  session: Session,
  dcs: Dcs,
): Promise<void> {
  const { book } = await readScopeKeys(dcs);
  const nowMs = session.context.clock.wallTimeMs();
  const rows = book.map((token) => ({
    "ID": token.id,
    "For": token.use,
    "State": tokenState(token, nowMs),
    "Expires": new Date(token.expiresAtMs).toISOString(),
    "Host": token.spent?.name ?? "",
  }));
  session.context.terminal.write(printedRows({ columns: COLUMNS, rows }, {
    format: outputFormat(invocation.text("--format")),
    title: null,
    emptyCells: "left_out",
  }));
}

async function revoke(id: string, session: Session, dcs: Dcs): Promise<void> {
  const isFound = await updateBook(dcs, (book) => {
    const left = book.filter((token) => token.id !== id);
    const isFound = left.length < book.length;
    return { value: isFound ? left : null, answer: isFound };
  });
  if (!isFound) throw new CliError(`There is no token ${id}`);
  print(session, `The token ${id} is revoked`);
}
