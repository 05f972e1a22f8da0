/**
 * Everything that commands need from the world, as one value that `lib/compose`
 * constructs and tests fake. Commands never reach for the process, the disk or
 * the network by other means.
 */
import type { StoreConfig } from "../config/stores/all.ts";
import type { Etcd3Config } from "../config/stores/etcd3.ts";
import type { ManagedEtcdConfig } from "../config/stores/managed_etcd.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type {
  EtcdAdmin,
  EtcdFolder,
  EtcdProcess,
  EtcdSnapshots,
  EtcdTurns,
} from "../ports/etcd_member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import type { Log } from "../ports/log.ts";
import type { SetupWorld } from "../setup/setup_world.ts";
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

/** What happened on a screen. */
export type ScreenEvent =
  /** A key by its character, or by its name as `keysIn` gives it. */
  | { readonly kind: "key"; readonly key: string }
  /** There is something new to draw, or the terminal has another size. */
  | { readonly kind: "woken" }
  /** The terminal is gone, or the process was asked to end. */
  | { readonly kind: "end" };

/** The whole terminal, while a program draws all of it. */
export interface Screen {
  readonly isColored: boolean;
  size(): { readonly columns: number; readonly rows: number };
  /** As many lines as there are rows, without control characters but colours. */
  draw(lines: readonly string[]): void;
  /** Lets {@link next} return. */
  wake(): void;
  next(): Promise<ScreenEvent>;
  /** Gives the terminal to `use`, as it was before, and takes it again. */
  lend(use: () => Promise<void>): Promise<void>;
  /** Gives the terminal back; never throws. */
  close(): void;
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

/** An IPv6 address on an interface. */
export interface NeighbourPlace {
  readonly interface: string;
  /** Of that interface. */
  readonly hardware: Uint8Array<ArrayBuffer>;
  readonly target: Uint8Array<ArrayBuffer>;
}

/** Speaks with IPv6 neighbours, which no program of every host does. */
export interface CliNeighbours {
  /** Who of the other hosts has an address; takes a second. */
  ask(place: NeighbourPlace, signal: AbortSignal): Promise<
    | { readonly kind: "owned"; readonly hardware: string }
    | { readonly kind: "free" }
    | { readonly kind: "unasked"; readonly why: string }
  >;
  /** Tells everybody once where an address is; why not, or null. */
  advertise(place: NeighbourPlace): string | null;
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
  /** The header `Date`; absent: there was none. */
  readonly date?: string;
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

/** What commands do with the member of etcd that this host's agent keeps. */
export interface EtcdTools {
  readonly admin: EtcdAdmin;
  readonly turns: EtcdTurns;
  readonly folder: Pick<
    EtcdFolder,
    "order" | "setOrder" | "knownEndpoints" | "isHeld"
  >;
  readonly snapshots: Pick<EtcdSnapshots, "next">;
  readonly process: Pick<EtcdProcess, "running" | "stop" | "differences">;
  /** Keeps the member up in an agent's place, until `signal` aborts; etcd goes on. */
  keep(log: Log, signal: AbortSignal): Promise<void>;
}

/** A store whose member on this host is managed. */
export type ManagedEtcd = Etcd3Config & { readonly managed: ManagedEtcdConfig };

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
  /** Takes the whole terminal; null: stdin or stdout is none. */
  openScreen(): Screen | null;
  readonly files: CliFiles;
  readonly clock: Clock;
  readonly random: Random;
  /** Commands that the main file runs; they only appear in the help. */
  readonly otherCommands: readonly ListedCommand[];
  /** @throws {DcsUnreachableError} If the store cannot be connected. */
  openDcs(target: DcsTarget): Promise<Dcs>;
  etcdTools(config: ManagedEtcd): Promise<EtcdTools>;
  /** This host, for commands that set it up. */
  openSetup(): Promise<SetupWorld>;
  /** @throws {Error} If there was no complete answer. */
  send(request: HttpRequest): Promise<HttpReply>;
  /** What a member's status document means for a race. */
  decodeAnswer(name: string, body: string): PeerAnswer;
  /** Connects, runs SQL without a transaction around it, disconnects. */
  querySql(target: SqlTarget, text: string): Promise<SqlAnswer>;
  /** Exit code of the program; null if there is no such program. */
  runProgram(call: ProgramCall): Promise<number | null>;
  openNeighbours(): Promise<CliNeighbours>;
}
