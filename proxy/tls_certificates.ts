/**
 * The certificates of the ports at which the proxy ends TLS: read at the start,
 * where a wrong one refuses it, and again when their files have changed, where a
 * wrong one is said and the one before stays. Sessions that exist keep theirs.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import { ProxyStartError } from "./options.ts";
import type { ServerTls, TlsCertificate, TlsPort } from "./tls_port.ts";

const LOOK_MS = 5_000;

/** A certificate in use, and the texts that it was made of. */
interface Loaded {
  readonly spec: TlsCertificate;
  context: SecureContext;
  text: string;
  /** The last texts that were of no use, so that they are said once. */
  refused: string | null;
}

/** All certificates of a proxy. */
export class TlsCertificates {
  readonly #loaded: ReadonlyMap<TlsCertificate, Loaded>;
  readonly #authorities: Map<ServerTls, string>;

  /** @throws {ProxyStartError} If one cannot be used, with one sentence that says why. */
  constructor(ports: readonly TlsPort[]) {
    const specs = ports.flatMap(({ certificates }) => certificates);
    this.#loaded = new Map(specs.map((spec) => {
      const text = textsOf(spec);
      const context = contextOf(spec, text);
      const loaded = { spec, context, text: text.join("\n"), refused: null };
      return [spec, loaded];
    }));
    this.#authorities = new Map(ports.flatMap(({ server }) => {
      const text = server === null ? null : authoritiesIn(server);
      return server === null || text === null ? [] : [[server, text]];
    }));
  }

  /** The authorities that servers are checked by; null: there are none. */
  authoritiesOf(server: ServerTls): string | null {
    return this.#authorities.get(server) ?? null;
  }

  /** What clients of that certificate are served with. */
  contextOf(spec: TlsCertificate): SecureContext | undefined {
    return this.#loaded.get(spec)?.context;
  }

  /** Looks after the files until `signal`. Never rejects. */
  async run(
    { clock, log }: { readonly clock: Clock; readonly log: Log },
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal);
      if (!signal.aborted) this.look(log);
    }
  }

  /** Takes what is new in the files. */
  look(log: Log): void {
    for (const loaded of this.#loaded.values()) renew(loaded, log);
    for (const server of this.#authorities.keys()) {
      try {
        this.#authorities.set(server, authoritiesIn(server) ?? "");
      } catch {
        // Being replaced, or of no use: those before stay in force.
      }
    }
  }
}

function renew(loaded: Loaded, log: Log): void {
  const { spec } = loaded;
  let all = "";
  try {
    const text = textsOf(spec);
    all = text.join("\n");
    if (all === loaded.text || all === loaded.refused) return;
    loaded.context = contextOf(spec, text);
    loaded.text = all;
    loaded.refused = null;
    log.info(`New clients see the new certificate of ${spec.certfile}`);
  } catch (error) {
    const isKnown = loaded.refused === all;
    loaded.refused = all;
    if (isKnown) return;
    log.error(`${errorText(error)}; the certificate before stays in force`);
  }
}

/** Null: no file is named. @throws {ProxyStartError} If it is of no use. */
function authoritiesIn({ cafile, setting }: ServerTls): string | null {
  if (cafile === null) return null;
  const name = `${setting}.server_cafile`;
  return made(name, cafile, () => {
    const text = Deno.readTextFileSync(cafile);
    new X509Certificate(text);
    return text;
  });
}

type Texts = readonly [cert: string, key: string];

function textsOf(spec: TlsCertificate): Texts {
  const cert = textOf(spec, "certfile", spec.certfile);
  // The key may stand in the certificate's file.
  return spec.keyfile === null
    ? [cert, cert]
    : [cert, textOf(spec, "keyfile", spec.keyfile)];
}

function textOf(
  { setting }: TlsCertificate,
  key: string,
  path: string,
): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw unusable(`${setting}.${key}`, path, error);
  }
}

function contextOf(spec: TlsCertificate, [cert, key]: Texts): SecureContext {
  const { setting, certfile, keyfile } = spec;
  const keySetting = keyfile === null ? "certfile" : "keyfile";
  const first = made(`${setting}.certfile`, certfile, () => {
    return new X509Certificate(cert);
  });
  return made(`${setting}.${keySetting}`, keyfile ?? certfile, () => {
    const own = keyIn(key);
    if (own === null) throw new Error("it has no private key");
    if (!first.checkPrivateKey(createPrivateKey(own))) {
      throw new Error("the key does not belong to the certificate");
    }
    return createSecureContext({ cert, key: own, minVersion: "TLSv1.2" });
  });
}

/** The private key of a text in which certificates may stand, too. */
function keyIn(text: string): string | null {
  const lines = text.split("\n").map((line) => line.trim());
  const at = (begin: string): number =>
    lines.findIndex((line) =>
      line.startsWith(begin) && line.endsWith("PRIVATE KEY-----")
    );
  const [from, to] = [at("-----BEGIN "), at("-----END ")];
  return from < 0 || to < from ? null : lines.slice(from, to + 1).join("\n");
}

function made<T>(setting: string, path: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw unusable(setting, path, error);
  }
}

function unusable(
  setting: string,
  path: string,
  error: unknown,
): ProxyStartError {
  return new ProxyStartError(
    `Cannot use ${path} (proxy.${setting}): ${errorText(error)}`,
    { cause: error },
  );
}
