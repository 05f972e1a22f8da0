/**
 * Opens the connection that the SQL driver then speaks on: TCP or a socket file,
 * and encryption by libpq's rules, which the driver does not know.
 *
 * Source: PostgreSQL 17 manual, "SSL Support" (libpq) and "SSL Session Encryption".
 */
import { createPrivateKey } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { Buffer } from "node:buffer";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  type LibpqOptions,
  optionsProblem,
  verificationOf,
  type Way,
} from "../../../core/base/libpq_options.ts";
import { PostgresError } from "../../../ports/errors.ts";
import { exists } from "../directory/files.ts";
import { timerMs } from "../../../core/base/units.ts";

/** Where, and how long to try. */
export interface Door {
  /** Host names with commas, tried in order, or a socket's directory. */
  readonly host: string;
  readonly port: number;
  readonly options: LibpqOptions;
  /** For each host, until the encryption stands. */
  readonly timeoutMs: number;
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const OFFERED = 0x53;
const NOT_OFFERED = 0x4e;

/**
 * An open connection, encrypted as `way` says.
 *
 * @throws {PostgresError} If a keyword cannot be honoured; or the last host's error.
 */
export async function openSocket(door: Door, way: Way): Promise<net.Socket> {
  const problem = optionsProblem(door.options);
  if (problem !== null) throw new PostgresError(`Cannot connect: ${problem}`);
  const secure = way === "plain" ? null : await tlsOptions(door.options);
  let failure: unknown = null;
  for (const host of door.host.split(",").map((one) => one.trim())) {
    try {
      return await openOne({ ...door, host }, way, secure);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function openOne(
  { host, port, options, timeoutMs }: Door,
  way: Way,
  secure: tls.ConnectionOptions | null,
): Promise<net.Socket> {
  const limit = AbortSignal.timeout(timerMs(timeoutMs));
  const raw = host.startsWith("/")
    ? net.connect({ path: join(host, `.s.PGSQL.${port}`) })
    : net.connect({ host, port });
  raw.setNoDelay?.(true);
  try {
    await happened(raw, "connect", limit);
    if (secure === null) return raw;
    const isDirect = options["sslnegotiation"] === "direct";
    if (!isDirect && !await isTlsOffered(raw, limit)) {
      if (way === "tls_if_offered") return raw;
      throw new PostgresError("The server does not support TLS");
    }
    const encrypted = tls.connect({
      socket: raw,
      // The name that the certificate must have, also if it is an address.
      host,
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
      ...(isDirect ? { ALPNProtocols: ["postgresql"] } : {}),
      ...secure,
    });
    await happened(encrypted, "secureConnect", limit);
    if (isDirect && encrypted.alpnProtocol !== "postgresql") {
      throw new PostgresError("The server does not speak TLS for PostgreSQL");
    }
    return encrypted;
  } catch (error) {
    raw.destroy();
    throw error;
  }
}

async function isTlsOffered(
  socket: net.Socket,
  limit: AbortSignal,
): Promise<boolean> {
  const answer = happened(socket, "data", limit);
  socket.write(SSL_REQUEST);
  const bytes = await answer;
  const isAnswer = bytes instanceof Uint8Array && bytes.length === 1 &&
    (bytes[0] === OFFERED || bytes[0] === NOT_OFFERED);
  // More than one byte would be text that somebody put before the encryption.
  if (!isAnswer) throw new PostgresError("No valid answer to a TLS request");
  return bytes[0] === OFFERED;
}

function happened(
  socket: net.Socket,
  event: "connect" | "secureConnect" | "data",
  limit: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = (end: () => void): void => {
      socket.off(event, onEvent).off("error", onError).off("close", onClose);
      limit.removeEventListener("abort", onLimit);
      end();
    };
    const onEvent = (value: unknown): void => done(() => resolve(value));
    const onError = (error: unknown): void => done(() => reject(error));
    const onClose = (): void =>
      onError(withCode("The server closed the connection", "ECONNRESET"));
    const onLimit = (): void =>
      onError(withCode("no connection within the limit", "CONNECT_TIMEOUT"));
    socket.on(event, onEvent).on("error", onError).on("close", onClose);
    limit.addEventListener("abort", onLimit);
  });
}

function withCode(text: string, code: string): Error {
  return Object.assign(new Error(text), { code });
}

/** Files that are not named are libpq's own, where they exist. */
async function tlsOptions(
  options: LibpqOptions,
): Promise<tls.ConnectionOptions> {
  const root = options["sslrootcert"] ?? await own("root.crt");
  const isSystem = root === "system";
  const verified = verificationOf(options, root);
  if (verified !== "nothing" && root === null) {
    throw new PostgresError(
      `Cannot connect: sslmode: ${options["sslmode"]}: there is no root ` +
        "certificate (sslrootcert)",
    );
  }
  if (verified !== "nothing" && await own("root.crl") !== null) {
    throw new PostgresError(
      "Cannot connect: the agent's own connections cannot check the " +
        "revocation list ~/.postgresql/root.crl (sslcrl)",
    );
  }
  const cert = options["sslcert"] ?? await own("postgresql.crt");
  const key = options["sslkey"] ?? await own("postgresql.key");
  const [caText, certText, keyText] = await Promise.all([
    root === null || isSystem ? null : Deno.readTextFile(root),
    cert === null ? null : Deno.readTextFile(cert),
    cert === null || key === null ? null : Deno.readTextFile(key),
  ]);
  const passphrase = options["sslpassword"];
  if (keyText !== null) checkKey(keyText, passphrase);
  return {
    rejectUnauthorized: verified !== "nothing",
    ...(caText === null ? {} : { ca: caText }),
    ...(certText === null ? {} : { cert: certText }),
    ...(keyText === null ? {} : { key: keyText }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(verified === "name" ? {} : { checkServerIdentity: () => undefined }),
  };
}

async function own(name: string): Promise<string | null> {
  const path = join(homedir(), ".postgresql", name);
  return await exists(path).catch(() => false) ? path : null;
}

/** The runtime would leave out a certificate whose key it cannot read. */
function checkKey(key: string, passphrase: string | undefined): void {
  try {
    createPrivateKey({
      key,
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (cause) {
    throw new PostgresError(
      "Cannot read the client key (sslkey): it is no key, sslpassword is " +
        "wrong, or it is encrypted with something else than AES",
      { cause },
    );
  }
}
