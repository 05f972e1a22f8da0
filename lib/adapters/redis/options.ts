/** Where the Redis is that keeps scopes, and who asks. */
import { readFileSync } from "node:fs";
import type { Clock } from "../../ports/clock.ts";

/** A server, or a Sentinel that knows it. */
export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** Paths of PEM files. */
export interface RedisTls {
  readonly cacert: string | null;
  readonly cert: string | null;
  /** Null: it stands in the certificate's file. */
  readonly key: string | null;
  readonly isVerified: boolean;
}

/** What may change while the client is open; asked at every login. */
export interface RedisLogin {
  readonly username: string | null;
  readonly password: string | null;
}

/** What the store needs. */
export interface RedisOptions {
  /** Tried in order until one is a master, or a Sentinel that names one. */
  readonly hosts: readonly RedisHost[];
  /** The master's name, if the hosts are Sentinels; else null. */
  readonly sentinelMaster: string | null;
  readonly database: number;
  /** Null: no TLS. */
  readonly tls: RedisTls | null;
  readonly login: () => RedisLogin;
  /** Whether a server with replicas will do. */
  readonly isLossAccepted: boolean;
  readonly scopePath: string;
  readonly clock: Clock;
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
export function readTls(tls: RedisTls): TlsContents {
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

/** Host and port, for people. */
export function textOf({ host, port }: RedisHost): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
