/**
 * Files that the configuration names: read and looked at before anything of a
 * new configuration is in force. What cannot be used is said with its key.
 */
import { X509Certificate } from "node:crypto";
import { ConfigError } from "../config/problems.ts";

/** A key and the file that it names; null: it is not set. */
export interface NamedFile {
  /** Dotted, as in `ctl.cacert`. */
  readonly key: string;
  readonly path: string | null;
}

/**
 * The text of a file.
 *
 * @throws {ConfigError} If it cannot be read.
 */
export async function namedText(
  { key, path }: NamedFile,
): Promise<string | null> {
  if (path === null) return null;
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw refused({ key, path }, `cannot be read: ${messageOf(error)}`);
  }
}

/**
 * The text of a file with certificates.
 *
 * @throws {ConfigError} If it cannot be read, or does not begin with one.
 */
export async function namedCertificates(
  file: NamedFile,
): Promise<string | null> {
  const text = await namedText(file);
  if (text === null) return null;
  try {
    new X509Certificate(text);
    return text;
  } catch (error) {
    throw refused(file, `holds no certificate: ${messageOf(error)}`);
  }
}

/**
 * Makes sure that lines could be written to a log in this folder.
 *
 * @throws {ConfigError} If they could not.
 */
export function checkLogFile({ key, path }: NamedFile): void {
  if (path === null) return;
  try {
    Deno.openSync(path, { append: true, create: true }).close();
  } catch (error) {
    throw refused({ key, path }, `cannot be written: ${messageOf(error)}`);
  }
}

function refused({ key, path }: NamedFile, why: string): ConfigError {
  return new ConfigError(`${key}: the file ${path} ${why}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
