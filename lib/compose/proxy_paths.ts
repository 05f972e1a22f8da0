/**
 * Where the agent and the proxy of one member meet: a folder of their own beside
 * the data directory, which only this user can have made. Each of them finds it
 * by the configuration alone, so that a command that a person or the service
 * manager starts (`fence-stop`) finds the same one.
 */
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { ProxyStartError } from "../../proxy/options.ts";
import { isPrivateFolder } from "../adapters/proxy_process/private_folder.ts";

/** What a socket's address may have, less what its temporary names have more. */
const PATH_BYTES_MAX = 107 - ".doors.1234567".length;

const SOCKET = "proxy.sock";

/** What tells one member of a host from another. */
export interface MemberOfHost {
  readonly scope: string;
  readonly name: string;
  readonly dataDir: string;
}

/** The control socket of a member's proxy; whether somebody listens is not said. */
export async function controlPathOf(member: MemberOfHost): Promise<string> {
  const beside = pathBeside(member);
  const isBeside = fits(beside) && await isPrivateFolder(dirname(beside));
  return isBeside ? beside : temporaryPath(identityOf(member));
}

/**
 * Makes the folder of the control socket, and returns the socket's path.
 *
 * A data directory whose parent is not this user's (a mount point), or whose
 * path is too long for a socket, has it in the folder for temporary files.
 *
 * @throws {ProxyStartError} If somebody else made that one, or may enter it.
 */
export async function makeControlFolder(member: MemberOfHost): Promise<string> {
  const beside = pathBeside(member);
  if (fits(beside) && await makePrivate(dirname(beside))) return beside;
  return await makeTemporaryPath(identityOf(member));
}

/**
 * Makes the folder of a control socket that no member has, and returns the
 * socket's path.
 *
 * @param identity Of the proxy, on this host.
 * @throws {ProxyStartError} If somebody else made the folder, or may enter it.
 */
export async function makeControlPath(
  identity: readonly string[],
): Promise<string> {
  // Unlike a folder for temporary files, those of the service manager are not cleaned of what is old.
  const [runtime] = (Deno.env.get("RUNTIME_DIRECTORY") ?? "").split(":");
  const base = runtime || Deno.env.get("XDG_RUNTIME_DIR");
  const own = base ? pathIn(base, identity) : null;
  if (own !== null && fits(own) && await makePrivate(dirname(own))) return own;
  return await makeTemporaryPath(identity);
}

async function makeTemporaryPath(identity: readonly string[]): Promise<string> {
  const path = temporaryPath(identity);
  if (await makePrivate(dirname(path))) return path;
  throw new ProxyStartError(
    `The folder ${dirname(path)} for control sockets is not this user's alone`,
  );
}

async function makePrivate(folder: string): Promise<boolean> {
  // Whatever was in the way, what is there now is looked at.
  await Deno.mkdir(dirname(folder), { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { mode: 0o700 }).catch(() => {});
  return await isPrivateFolder(folder);
}

function pathBeside({ dataDir }: MemberOfHost): string {
  const folder = `.${basename(dataDir)}.matriarch-run`;
  return join(dirname(dataDir), folder, SOCKET);
}

function identityOf(
  { scope, name, dataDir }: MemberOfHost,
): readonly string[] {
  return [scope, name, dataDir];
}

function temporaryPath(words: readonly string[]): string {
  return pathIn(tmpdir(), words);
}

function pathIn(base: string, words: readonly string[]): string {
  const identity = createHash("sha256").update(JSON.stringify(words))
    .digest("hex").slice(0, 12);
  const folder = `matriarch-${Deno.uid()}`;
  return join(base, folder, `${identity}.sock`);
}

function fits(path: string): boolean {
  return new TextEncoder().encode(path).length <= PATH_BYTES_MAX;
}
