/** Writes what was decided, so that it can be cut short at any moment and repeated. */
import type { SetupFile, SetupHost } from "../ports/setup.ts";
import {
  type DecidedDraft,
  decodeDraft,
  type Draft,
  encodeDraft,
} from "./draft.ts";
import { pathsIn } from "./layout.ts";

/** Where the draft is. */
export interface DraftPlace {
  readonly host: SetupHost;
  readonly configDir: string;
}

/** What an earlier call left to be finished; null: nothing. */
export async function readDraft(
  { host, configDir }: DraftPlace,
): Promise<Draft | null> {
  return decodeDraft(await host.files.read(pathsIn(configDir).draft));
}

/** Keeps the draft; from now on a repeat goes on with it. */
export async function keepDraft(
  { host, configDir }: DraftPlace,
  draft: Draft,
): Promise<void> {
  await host.files.write({
    path: pathsIn(configDir).draft,
    mode: 0o600,
    owner: null,
    text: encodeDraft(draft),
  });
}

/** Forgets it: nothing of it has been written, or all of it. */
export async function dropDraft(
  { host, configDir }: DraftPlace,
): Promise<void> {
  await host.files.remove(pathsIn(configDir).draft);
}

/**
 * Writes the files of a kept draft, and forgets the draft.
 *
 * @throws {Error} With the file that could not be written; a repeat writes all.
 */
export async function writeDecided(
  place: DraftPlace,
  draft: DecidedDraft,
): Promise<void> {
  await writeFiles(place, draft);
  await dropDraft(place);
}

/**
 * Writes the files and keeps the draft.
 *
 * @throws {Error} As {@link writeDecided}.
 */
export async function writeFiles(
  place: DraftPlace,
  { files }: DecidedDraft,
): Promise<void> {
  for (const file of files) await writeOne(place, file);
}

async function writeOne(
  { host }: DraftPlace,
  file: SetupFile,
): Promise<void> {
  try {
    await host.files.write(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Cannot write ${file.path}: ${why}. Call the same command again when ` +
        "that is repaired: it goes on from here",
      { cause },
    );
  }
}
