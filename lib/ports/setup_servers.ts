/** The PostgreSQL servers of a host that is set up, when one of them is to be taken over. */

/** How to reach a server without a password: by its socket, as its own user. */
export interface ServerDoor {
  /** Folder of PostgreSQL's programs. */
  readonly binDir: string;
  readonly socketDir: string;
  readonly port: number;
  /** User of the system, and role of the same name. */
  readonly user: string;
}

/** A server that runs. */
export interface RunningServer extends ServerDoor {
  readonly pid: number;
  readonly dataDir: string;
  /** The service whose main process it is; null: none. */
  readonly unit: string | null;
  /** Whether the folder above the data directory is its user's. */
  readonly isFolderOwn: boolean;
}

/** Of a server, what ends it. */
export type ServerEnd = Pick<
  RunningServer,
  "pid" | "dataDir" | "binDir" | "user" | "unit"
>;

/** A Patroni that runs. */
export interface PatroniProcess {
  readonly pid: number;
  /** Its configuration; null: its command line names none. */
  readonly configPath: string | null;
  /** As {@link RunningServer.unit}. */
  readonly unit: string | null;
}

/** The servers of this host. */
export interface SetupServers {
  /** Those in this host's network, oldest first. */
  running(): Promise<readonly RunningServer[]>;
  /** Patroni in this host's network; null: none runs. */
  patroni(): Promise<PatroniProcess | null>;
  /**
   * What psql prints: a line for each row, without titles.
   *
   * @param sql Never on a command line: it may hold passwords.
   * @throws {Error} With what psql says.
   */
  query(door: ServerDoor, sql: string): Promise<string>;
  /**
   * Stops the server in order, with its service if it has one, which does not
   * start again then. One that has ended, or is another by now, is left alone.
   *
   * @throws {Error} If it goes on.
   */
  stop(server: ServerEnd): Promise<void>;
}
