/** What proxies without access to the store are told, as a stream of bytes. */

/** Somebody who is told. */
export interface RouteWatcher {
  /** Takes a piece of the stream; false: it is too slow and is let go. Must not throw. */
  send(bytes: Uint8Array<ArrayBuffer>): boolean;
  /** Nothing comes any more. Must not throw. */
  end(): void;
}

/** Tells any number of them. */
export interface RouteStream {
  /** Returns what ends it; null: there are too many already, or it is over. */
  watch(watcher: RouteWatcher): (() => void) | null;
}
