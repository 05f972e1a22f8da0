/**
 * The secrets of a cluster of containers, as files in a folder that all of them
 * see: those that an operator put there, or others that the first container made.
 * Of several that make them at the same moment the kernel lets one rename its
 * folder, and the others read that one's.
 */
import { mkdir, mkdtemp, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerSecrets } from "../../ports/container.ts";

/** Files of the folder, by what they hold. */
const FILES = {
  superuserPassword: "superuser_password",
  replicationPassword: "replication_password",
  restPassword: "rest_password",
  caCert: "ca.pem",
  caKey: "ca.key",
} as const satisfies Readonly<Record<keyof ContainerSecrets, string>>;

/** Made by the first container, where nobody put any. */
const MADE = "made";

/** Some files are there and others are not. */
export class SecretsError extends Error {
  override readonly name = "SecretsError";
}

/**
 * The secrets in the folder, made if there are none.
 *
 * @throws {SecretsError} With one sentence, if they cannot be used or made.
 */
export async function secretsIn(
  folder: string,
  make: () => Promise<ContainerSecrets>,
): Promise<ContainerSecrets> {
  const given = await readSecrets(folder) ??
    await readSecrets(join(folder, MADE));
  if (given !== null) return given;
  try {
    await makeOnce(folder, await make());
  } catch (error) {
    throw new SecretsError(
      `Cannot make the cluster's secrets in ${folder} (${textOf(error)}): ` +
        `mount a volume there that all its containers share, or a folder ` +
        `with the files ${Object.values(FILES).join(", ")}`,
    );
  }
  const made = await readSecrets(join(folder, MADE));
  if (made === null) throw new SecretsError(`Nothing can be read in ${folder}`);
  return made;
}

/** Null: none of them is there. */
async function readSecrets(folder: string): Promise<ContainerSecrets | null> {
  const names = Object.values(FILES);
  const texts = await Promise.all(names.map((name) => read(folder, name)));
  if (texts.every((text) => text === null)) return null;
  const missing = names.filter((_, i) => !texts[i]);
  if (missing.length > 0) {
    throw new SecretsError(
      `In ${folder} there must be the files ${names.join(", ")}; missing or ` +
        `empty: ${missing.join(", ")}`,
    );
  }
  const at = (key: keyof ContainerSecrets) =>
    texts[names.indexOf(FILES[key])] ?? "";
  return {
    superuserPassword: at("superuserPassword"),
    replicationPassword: at("replicationPassword"),
    restPassword: at("restPassword"),
    caCert: `${at("caCert")}\n`,
    caKey: `${at("caKey")}\n`,
  };
}

/** Null: there is no such file. */
async function read(folder: string, name: string): Promise<string | null> {
  try {
    const text = await readFile(join(folder, name), "utf8");
    return text.trim();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw new SecretsError(
      `Cannot read ${join(folder, name)}: ${textOf(error)}`,
    );
  }
}

async function makeOnce(
  folder: string,
  secrets: ContainerSecrets,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const next = await mkdtemp(join(folder, ".new-"));
  try {
    for (const [key, name] of Object.entries(FILES)) {
      const file = await open(join(next, name), "wx", 0o600);
      await file.writeFile(`${textFor(secrets, key)}\n`);
      await file.sync();
      await file.close();
    }
    // A folder with something in it is never replaced.
    await rename(next, join(folder, MADE)).catch((error) => {
      const code = codeOf(error);
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    });
    const handle = await open(folder, "r");
    await handle.sync();
    await handle.close();
  } finally {
    await rm(next, { recursive: true, force: true });
  }
}

function textFor(secrets: ContainerSecrets, key: string): string {
  const [, text = ""] = Object.entries(secrets)
    .find(([name]) => name === key) ?? [];
  return text.trim();
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
