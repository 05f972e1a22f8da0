/** Where the agent and the proxy of one member meet. */
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";

/** Longer names would not fit into a socket's address. */
const NAME_LENGTH_MAX = 32;

/** What tells one member of a host from another. */
export interface MemberOfHost {
  readonly scope: string;
  readonly name: string;
  readonly dataDir: string;
}

/**
 * The control socket of a member's proxy, the same for every process of the
 * same user and configuration. Its folder is private to the user.
 */
export function controlPathOf(member: MemberOfHost): string {
  const { scope, name, dataDir } = member;
  const identity = createHash("sha256").update(
    JSON.stringify([scope, name, dataDir]),
  ).digest("hex").slice(0, 12);
  const shown = name.replace(/[^\w.-]/g, "_").slice(0, NAME_LENGTH_MAX);
  return `${controlFolder()}/${shown}-${identity}.sock`;
}

/**
 * Makes the folder of the control sockets.
 *
 * @throws {Error} If somebody else made it, or may enter it.
 */
export async function makeControlFolder(): Promise<void> {
  const folder = controlFolder();
  await Deno.mkdir(folder, { mode: 0o700 }).catch((error) => {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  });
  const found = await Deno.lstat(folder);
  const isPrivate = ((found.mode ?? 0) & 0o077) === 0;
  if (found.isDirectory && found.uid === Deno.uid() && isPrivate) return;
  throw new Error(
    `The folder ${folder} for control sockets is not this user's alone`,
  );
}

function controlFolder(): string {
  return `${tmpdir()}/matriarch-${Deno.uid()}`;
}
