/**
 * Signals as calls. Handlers are started, never awaited, so a second signal is
 * seen while the first is still being worked on; what two of them mean is the
 * handler's business.
 */

/** The signals that this program reacts to. */
export type HandledSignal = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGUSR2";

/** What to do on which signal. */
export interface SignalHandlers {
  /** One handler for all, told which signal came. */
  readonly onSignal: (signal: HandledSignal) => Promise<void>;
  /** A handler failed; the process goes on. */
  readonly onError: (error: unknown) => void;
}

/**
 * Calls the handler for each of the signals until the result is called.
 *
 * Listening does not keep the process running.
 *
 * @returns Ends the listening; the signals then do their default again.
 */
export function listenToSignals(
  signals: readonly HandledSignal[],
  { onSignal, onError }: SignalHandlers,
): () => void {
  const listeners = signals.map((signal) => {
    const listener = (): void => {
      onSignal(signal).catch(onError);
    };
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) {
      Deno.removeSignalListener(signal, listener);
    }
  };
}
