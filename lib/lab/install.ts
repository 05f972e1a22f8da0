/**
 * The packages of the distribution that a lab needs. Installed only when asked
 * (`--install`, which scripts/lab gives) and only as root; no service of theirs
 * is started and no default PostgreSQL data directory is made.
 */
import { findPostgresBinDir, hasProgram } from "./programs.ts";

const POLICY = "/usr/sbin/policy-rc.d";
const CREATE_MAIN = "/etc/postgresql-common/createcluster.conf";

/** Something is missing that the lab can not bring itself. One sentence. */
export class MissingPackageError extends Error {
  override readonly name: string = "MissingPackageError";
}

/** Debian packages that are missing for a lab on `dcs`. */
export function missingPackages(dcs: "sqlite" | "etcd"): string[] {
  return [
    ...(findPostgresBinDir() === null ? ["postgresql"] : []),
    ...(dcs === "etcd" && !hasProgram("etcd") ? ["etcd-server"] : []),
  ];
}

async function apt(...args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command("apt-get", {
    args: [...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    // The lab's standard output belongs to its result.
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new MissingPackageError(`apt-get ${args[0]} failed`);
}

async function install(...names: readonly string[]): Promise<void> {
  await apt("install", "-y", "-q", "--no-install-recommends", ...names);
}

/** While `work` runs, packages may not start their services. */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  const options = { createNew: true, mode: 0o755 } as const;
  let isMine = false;
  try {
    await Deno.writeTextFile(POLICY, "#!/bin/sh\nexit 101\n", options);
    isMine = true;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  try {
    await work();
  } finally {
    if (isMine) await Deno.remove(POLICY);
  }
}

/** While `work` runs, the PostgreSQL package makes no data directory of its own. */
async function withoutMainDirectory(work: () => Promise<void>): Promise<void> {
  await install("postgresql-common");
  const before = await Deno.readTextFile(CREATE_MAIN);
  const setting = /^#?\s*create_main_cluster\s*=.*$/m;
  const line = "create_main_cluster = false";
  const during = setting.test(before)
    ? before.replace(setting, line)
    : `${before}\n${line}\n`;
  await Deno.writeTextFile(CREATE_MAIN, during);
  try {
    await work();
  } finally {
    await Deno.writeTextFile(CREATE_MAIN, before);
  }
}

/**
 * Makes sure that the packages are there.
 *
 * @throws {MissingPackageError} If one is missing and may not or can not be
 *   installed; the message names it.
 */
export async function ensurePackages(
  dcs: "sqlite" | "etcd",
  isInstalling: boolean,
): Promise<void> {
  const names = missingPackages(dcs);
  if (names.length === 0) return;
  const list = names.join(" ");
  if (Deno.uid() !== 0 || !isInstalling || !hasProgram("apt-get")) {
    const noun = names.length === 1 ? "the package" : "the packages";
    throw new MissingPackageError(
      `Cannot start the lab: install ${noun} ${list} first ` +
        `(as root: apt-get install ${list}).`,
    );
  }
  console.error(`lab: installing ${list}; no service of it is started`);
  await apt("update", "-q");
  await withoutServices(async () => {
    if (names.includes("postgresql")) {
      await withoutMainDirectory(() => install(...names));
    } else await install(...names);
  });
}
