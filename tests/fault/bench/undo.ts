/** Takes a fault back. */
export type Undo = () => Promise<void>;

/** For faults that heal by themselves. */
export function nothingToUndo(): Promise<void> {
  return Promise.resolve();
}

/** Takes all of them back at once: one may wait for the end of another. */
export function undoAll(undos: readonly Undo[]): Undo {
  return async () => {
    await Promise.all(undos.map((undo) => undo()));
  };
}
