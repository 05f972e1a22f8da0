/**
 * Everything that commands need from the world, as one value that `lib/compose`
 * constructs and tests fake. Commands never reach for the process, the disk or
 * the network by other means.
 */
import type { StoreConfig } from "../config/stores/all.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import type { Random } from "../ports/random.ts";

/** The two streams of the user, and the one we read answers from. */
export interface Terminal {
  /** Whether stdout is a terminal: colors, a pager and clearing make sense. */
  readonly isOutputTty: boolean;
  write(text: string): void;
  writeError(text: string): void;
  /** One line of stdin without its end; null at end of input or after Ctrl-C. */
  readLine(): Promise<string | null>;
  /** A line that is not shown while it is typed; null as above. */
  readSecret(): Promise<string | null>;
  /** All that is left on stdin. */
  readAll(): Promise<string>;
}

/** A file that exists while something is edited. */
export interface TemporaryFile {
  readonly path: string;
  remove(): Promise<void>;
}

/** The few things commands do with files. */
export interface CliFiles {
  /** Null if the file does not exist or must not be read. */
  readText(path: string): Promise<string | null>;
  /** Names inside a directory, null if it is none. */
  list(path: string): Promise<readonly string[] | null>;
  /** Writes a file for its user alone; makes the folders above it. */
  writeText(path: string, text: string): Promise<void>;
  /** Adds to a file, which may be read by its user alone if it is new. */
  appendText(path: string, text: string): Promise<void>;
  makeTemporary(
    name: { readonly prefix: string; readonly suffix: string },
    text: string,
  ): Promise<TemporaryFile>;
}

/** Which keys of which store: `/<namespace>/<scope>[/<group>]/`. */
export interface DcsTarget {
  readonly config: StoreConfig;
  /** Without slashes at its ends. */
  readonly namespace: string;
  readonly scope: string;
  /** Citus group; null: the scope has no groups. */
  readonly group: number | null;
}

/** How to trust the server and how to be trusted; texts are PEM file paths. */
export interface TlsSettings {
  readonly isInsecure: boolean;
  readonly cacert: string | null;
  readonly certfile: string | null;
  readonly keyfile: string | null;
  readonly keyfilePassword: string | null;
}

/** One HTTP call. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: no body. */
  readonly body: string | null;
  readonly tls: TlsSettings;
  readonly timeoutMs: number;
}

/** An answer, whatever its status. */
export interface HttpReply {
  readonly status: number;
  readonly body: string;
}

/** An editor or a pager to run in the user's terminal. */
export interface ProgramCall {
  readonly program: string;
  readonly args: readonly string[];
  /** Written to its stdin; null: it gets the terminal. */
  readonly input: string | null;
}

/** Where and as whom to run SQL; empty texts are left to the server. */
export interface SqlTarget {
  /** Name or IP address. */
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** Whether the server must be in recovery; null: either. */
  readonly isRecoveryWanted: boolean | null;
}

/** A column of a result. */
export interface SqlColumn {
  readonly name: string;
  /** PostgreSQL's number of the type (pg_type.oid). */
  readonly type: number;
}

/** What one connection for one text of SQL came to. */
export type SqlAnswer =
  | {
    readonly kind: "rows";
    readonly columns: readonly SqlColumn[];
    /** PostgreSQL's own texts; null is NULL. */
    readonly rows: readonly (readonly (string | null)[])[];
  }
  /** `code`: SQLSTATE, null if the server said none. */
  | {
    readonly kind: "failed";
    readonly code: string | null;
    readonly message: string;
  }
  | { readonly kind: "wrong_role" };

/** A command as the help lists it; without `run` the program's main file runs it. */
export interface ListedCommand {
  readonly name: string;
  readonly summary: string;
}

/** The world of one command. */
export interface CliContext {
  /** How the user called us: `matriarch`, `patronictl`. */
  readonly programName: string;
  /** The version that Patroni's tools expect. */
  readonly version: string;
  /** Our own. */
  readonly ownVersion: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly isMacOs: boolean;
  readonly terminal: Terminal;
  readonly files: CliFiles;
  readonly clock: Clock;
  readonly random: Random;
  /** Commands that the main file runs; they only appear in the help. */
  readonly otherCommands: readonly ListedCommand[];
  /** @throws {DcsUnreachableError} If the store cannot be connected. */
  openDcs(target: DcsTarget): Promise<Dcs>;
  /** @throws {Error} If there was no complete answer. */
  send(request: HttpRequest): Promise<HttpReply>;
  /** What a member's status document means for a race. */
  decodeAnswer(name: string, body: string): PeerAnswer;
  /** Connects, runs SQL without a transaction around it, disconnects. */
  querySql(target: SqlTarget, text: string): Promise<SqlAnswer>;
  /** Exit code of the program; null if there is no such program. */
  runProgram(call: ProgramCall): Promise<number | null>;
}
