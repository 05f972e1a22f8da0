/**
 * What setting a host up asks of the world: facts of this host, its files and its
 * service. Decisions about them are made in `lib/setup`.
 */

import type { HostRequest } from "./host_desk.ts";
import type { SetupServers } from "./setup_servers.ts";

/** One file, as it must be in the end. */
export interface SetupFile {
  readonly path: string;
  /** Permission bits, such as 0o600; null: those of the file before, or 0o600. */
  readonly mode: number | null;
  /** Null: the owner of the file before, or of its folder. */
  readonly owner: FileOwner | null;
  readonly text: string;
}

/** Who owns a file. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** The few things that are done with files. */
export interface SetupFiles {
  /** Null: there is none, or it must not be read. */
  read(path: string): Promise<string | null>;
  /**
   * Puts the file there whole or not at all, and on the disk before it returns;
   * makes its folders.
   *
   * @throws {Error} If it cannot.
   */
  write(file: SetupFile): Promise<void>;
  /** Makes a folder that its owner alone can enter; one that is there stays as it is. */
  makeFolder(path: string, owner: FileOwner | null): Promise<void>;
  /** Does nothing if there is no such file. */
  remove(path: string): Promise<void>;
}

/** What listens at a port. */
export interface PortHolder {
  readonly port: number;
  /** `postgres (process 812)`; null: nobody may say. */
  readonly program: string | null;
}

/** PostgreSQL's programs in one folder. */
export interface PostgresPrograms {
  readonly folder: string;
  /** Null: `postgres --version` does not say. */
  readonly major: number | null;
  /** Programs that a member needs and the folder lacks. */
  readonly missing: readonly string[];
}

/** What is in a data directory. */
export type DataDirectoryFacts =
  | { readonly kind: "absent" | "empty" }
  /** `isRunning`: a process has it open. */
  | { readonly kind: "postgres"; readonly isRunning: boolean }
  | { readonly kind: "other" };

/** What checks look at; gathered at one moment, and all of it data. */
export interface HostFacts {
  readonly hostName: string;
  readonly isRoot: boolean;
  /** Null: there is no such user. */
  readonly user: FileOwner | null;
  /** Addresses and the interfaces that carry them. */
  readonly addresses: readonly {
    readonly address: string;
    readonly interface: string;
  }[];
  readonly postgres: readonly PostgresPrograms[];
  readonly dataDirectory: DataDirectoryFacts;
  /** What is where a member of the store would keep its data. */
  readonly storeDirectory: "absent" | "empty" | "other";
  /** Of the ports that were asked about, those that are taken. */
  readonly taken: readonly PortHolder[];
  /** Bytes that the user may still write where the data will lie; null: unknown. */
  readonly freeBytes: number | null;
  readonly hasSystemd: boolean;
  /** Null: nothing says whether the clock is kept right. */
  readonly isClockKept: boolean | null;
  readonly hasWatchdog: boolean;
  /** Of the programs that virtual addresses need, those that are missing. */
  readonly missingVipPrograms: readonly string[];
  /** Processes of other cluster managers. */
  readonly managers: readonly string[];
}

/** What to look at. */
export interface HostQuestion {
  readonly user: string;
  readonly dataDir: string;
  /** Null: nobody asks. */
  readonly storeDir: string | null;
  /** Null: all folders where distributions put PostgreSQL. */
  readonly pgBin: string | null;
  readonly ports: readonly number[];
}

/** Whether a program can be called. */
export type ProgramState = "usable" | "missing" | "not_executable";

/** The service that runs the agent. */
export interface SetupService {
  /** Reads the unit and starts it, now and at each boot; one that runs reads its configuration again. @throws {Error} If it cannot. */
  start(unit: string): Promise<void>;
  /** Ends it, now and at each boot. @throws {Error} If it cannot. */
  stop(unit: string): Promise<void>;
}

/** This host. */
export interface SetupHost {
  readonly files: SetupFiles;
  readonly service: SetupService;
  readonly servers: SetupServers;
  facts(question: HostQuestion): Promise<HostFacts>;
  /** @param path Folders with colons between, in which a name without a slash is looked for. */
  programState(name: string, path: string): Promise<ProgramState>;
  /**
   * Makes a user of the system that nobody can log in as; one that is there
   * already is fine, too.
   *
   * @param home Not made.
   * @throws {Error} If it cannot.
   */
  makeUser(name: string, home: string): Promise<FileOwner>;
  /** So many random bytes, as base64url. */
  randomText(bytes: number): string;
  /** SHA-256, hexadecimal. */
  hash(text: string): string;
  wallTimeMs(): number;
  sleep(ms: number): Promise<void>;
}

/** A request to a member's desk. */
export interface DeskCall {
  readonly peer: { readonly host: string; readonly port: number };
  /** SHA-256 of the authority that must vouch for the member, hexadecimal. */
  readonly authorityHash: string;
  readonly request: HostRequest;
}

/** What came back. */
export type DeskReply =
  | { readonly kind: "unreachable"; readonly why: string }
  /** Whoever answers has not that authority behind it: nothing was sent. */
  | { readonly kind: "untrusted"; readonly why: string }
  | {
    readonly kind: "answered";
    readonly status: number;
    /** A sentence, of a refusal. */
    readonly text: string;
    /** Of an admission; null: none. */
    readonly document: Readonly<Record<string, unknown>> | null;
  };
