/** One container uses a volume at a time: two would start two servers on one data directory. */

/** Another container has it. */
export class VolumeTakenError extends Error {
  override readonly name = "VolumeTakenError";
}

/**
 * Takes the volume until the process ends, however it does, or it is disposed of.
 *
 * @param path The lock's file, in the volume.
 * @throws {VolumeTakenError} With one sentence, if it is taken or cannot be written.
 */
export async function holdVolume(path: string): Promise<Disposable> {
  const file = await Deno.open(path, {
    ...{ write: true, create: true, mode: 0o600 },
  }).catch((error) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new VolumeTakenError(
      `The volume cannot be written (${why}): it must belong to user ` +
        `${Deno.uid()} of the container`,
    );
  });
  if (await file.tryLock(true)) return file;
  file.close();
  throw new VolumeTakenError(
    "Another container uses this volume: each container needs its own",
  );
}
