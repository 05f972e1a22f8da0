/** Where the PostgreSQL is that keeps scopes, and who asks. */
import type { LibpqOptions } from "../../../core/base/libpq_options.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { TcpAddress } from "../options.ts";

/** What may change while the client is open; asked at every login. */
export interface StoreLogin {
  /** Null: the name of the system's user. */
  readonly username: string | null;
  /** Null: what the password file says. */
  readonly password: string | null;
  /** Null: libpq's own place. */
  readonly passfile: string | null;
}

/** What the store needs. */
export interface PostgresStoreOptions {
  /** Tried in order until one takes writes; a host may be a socket's directory. */
  readonly hosts: readonly TcpAddress[];
  readonly database: string;
  /** Holds the table; made if it is missing. */
  readonly schema: string;
  readonly scopePath: string;
  /** Keywords of libpq that are about TLS. */
  readonly tls: LibpqOptions;
  readonly login: () => StoreLogin;
  readonly clock: Clock;
  /** Whether it makes the table; a mere reader must not. */
  readonly isMaker: boolean;
  readonly warn: (text: string) => void;
}
