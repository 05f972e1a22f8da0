/** Where Consul is, who asks, and how. */
import { readFileSync } from "node:fs";
import type { ServiceSettings } from "./service.ts";
import type { Clock } from "../../ports/clock.ts";

/** How a read of the store may be answered, as Consul names it. */
export type Consistency = "default" | "consistent" | "stale";

/** What may change while the client is open; asked at every call. */
export interface ConsulAccess {
  readonly token: string | null;
  /** Null: the agent's own. */
  readonly dc: string | null;
  readonly consistency: Consistency;
  readonly service: ServiceSettings;
}

/** Paths of PEM files, and whether the server's certificate is checked. */
export interface ConsulTls {
  readonly cacert: string | null;
  readonly cert: string | null;
  /** Null: it stands in the certificate's file. */
  readonly key: string | null;
  readonly isVerified: boolean;
}

/** What the adapter needs. */
export interface ConsulOptions {
  /** `http[s]://host:port`, without a path. */
  readonly endpoint: string;
  readonly tls: ConsulTls;
  readonly access: () => ConsulAccess;
  /** Health checks of Consul that a session hangs on besides its ttl. */
  readonly checks: readonly string[];
  /** `/<namespace>/<scope>`, without a slash at its end. */
  readonly scopePath: string;
  /** For the names of sessions, which only people read. */
  readonly holder: string;
  readonly clock: Clock;
  /** The member that this agent is, for Consul's catalog; null: a tool. */
  readonly member: ConsulMember | null;
}

/** An agent's own member. */
export interface ConsulMember {
  readonly scope: string;
  readonly name: string;
  /** Where its catalog's problems go. */
  readonly warn: (text: string) => void;
}

/** The contents of the TLS files, in the form of Node's TLS. */
export interface TlsContents {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @throws {Error} If a file cannot be read. */
export function readTls(tls: ConsulTls): TlsContents {
  const { cacert, cert, key, isVerified } = tls;
  return {
    rejectUnauthorized: isVerified,
    ...(cacert === null ? {} : { ca: readFileSync(cacert, "utf8") }),
    ...(cert === null ? {} : {
      cert: readFileSync(cert, "utf8"),
      key: readFileSync(key ?? cert, "utf8"),
    }),
  };
}
