/** What validation asks of this host and its network, and nothing more. */

/** The questions; every answer comes within a few seconds and none throws. */
export interface ValidationWorld {
  /** Whether something accepts TCP connections there. */
  readonly canConnect: (host: string, port: number) => Promise<boolean>;
  readonly kind: (
    path: string,
  ) => Promise<"file" | "directory" | "other" | "missing">;
  /** Names inside a directory; empty if it cannot be read. */
  readonly list: (directory: string) => Promise<readonly string[]>;
  /** Text of a file, null if it cannot be read. */
  readonly read: (file: string) => Promise<string | null>;
  /** Whether a program can be run; `directory` empty: searched in PATH. */
  readonly hasProgram: (directory: string, name: string) => Promise<boolean>;
  /** What `<program> --version` prints; null if it cannot be run. */
  readonly versionText: (
    directory: string,
    program: string,
  ) => Promise<string | null>;
}
