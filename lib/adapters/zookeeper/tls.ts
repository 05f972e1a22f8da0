/** The TLS files, in the form of Node's TLS. */
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ZookeeperTls } from "./options.ts";

/** The contents of the TLS files. */
export interface TlsContents {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Files that may be replaced while the client is open: each connection begins
 * with what stands in them then.
 */
export class TlsFiles {
  readonly #tls: ZookeeperTls;
  #last: TlsContents;

  /** @throws {Error} If a file cannot be read. */
  constructor(tls: ZookeeperTls) {
    this.#tls = tls;
    this.#last = contentsOf(tls);
  }

  /** What stands in the files; while they cannot be read, what stood there last. */
  current(): TlsContents {
    try {
      this.#last = contentsOf(this.#tls);
    } catch {
      // Somebody is about to replace them.
    }
    return this.#last;
  }
}

function contentsOf(tls: ZookeeperTls): TlsContents {
  const { cacert, cert, key, isVerified } = tls;
  return {
    rejectUnauthorized: isVerified,
    ...(cacert === null ? {} : { ca: readFileSync(cacert, "utf8") }),
    ...(cert === null ? {} : {
      cert: readFileSync(cert, "utf8"),
      key: plainKey(key ?? cert, tls.keyPassword),
    }),
  };
}

/** The runtime's TLS takes no encrypted key. */
function plainKey(path: string, passphrase: string | null): string {
  const key = readFileSync(path, "utf8");
  if (passphrase === null) return key;
  try {
    const opened = createPrivateKey({ key, passphrase });
    return opened.export({ type: "pkcs8", format: "pem" }).toString();
  } catch (cause) {
    throw new Error(
      `the key in ${path} cannot be read: it is no key, key_password is ` +
        "wrong, or it is encrypted with something else than AES",
      { cause },
    );
  }
}
