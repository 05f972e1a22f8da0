/**
 * Looks whether etcd's version 2 store, which is another one in the same server,
 * holds keys of a scope: then Patroni runs that cluster there, and to write the
 * same scope anew by version 3 would make a second cluster of it.
 *
 * Source: etcd 3.4 API of version 2, `GET /v2/keys/PATH`; servers answer 404
 * where that is switched off (`--enable-v2=false`, the default since 3.4), as they
 * do where there is no such key.
 */
import { timerMs } from "../../core/base/units.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { type EtcdLogin, type EtcdTls, readTls } from "./options.ts";

/** Whose keys, and how to get in. */
interface V2ScopeParts {
  readonly scopePath: string;
  readonly tls: EtcdTls;
  readonly login: () => EtcdLogin | null;
}

/** Found absent once, it is not looked for again. */
export class V2Scope {
  readonly #parts: V2ScopeParts;
  #isAbsent = false;

  constructor(parts: V2ScopeParts) {
    this.#parts = parts;
  }

  /** Whether nobody has looked with success yet. */
  get isUnknown(): boolean {
    return !this.#isAbsent;
  }

  /**
   * @param endpoint As URL.
   * @throws {DcsRefusedError} If keys of the scope are there, or may not be read.
   * @throws {DcsUnreachableError} If there was no answer.
   */
  async ensureAbsent(endpoint: string, timeoutMs: number): Promise<void> {
    if (this.#isAbsent) return;
    const { status, body } = await this.#get(endpoint, timeoutMs);
    if (status === 401 || status === 403) {
      throw new DcsRefusedError(
        "etcd does not tell this user whether its version 2 store has keys of " +
          "the scope; if it has none, rename section etcd to etcd3",
      );
    }
    if (status === 200 && hasKeys(body)) {
      throw new DcsRefusedError(
        `etcd's version 2 store has keys at ${this.#parts.scopePath}: a ` +
          "cluster runs there. Move it to section etcd3 with Patroni first, " +
          "or delete these keys if they are remains",
      );
    }
    this.#isAbsent = true;
  }

  async #get(endpoint: string, timeoutMs: number): Promise<Answer> {
    const { scopePath, tls, login } = this.#parts;
    const path = scopePath.split("/").map(encodeURIComponent).join("/");
    const user = login();
    const headers: HeadersInit = user === null ? {} : {
      authorization: `Basic ${btoa(`${user.username}:${user.password}`)}`,
    };
    using client = endpoint.startsWith("https:") ? tlsClient(tls) : null;
    try {
      const response = await fetch(`${endpoint}/v2/keys${path}`, {
        headers,
        signal: AbortSignal.timeout(timerMs(timeoutMs)),
        ...(client === null ? {} : { client }),
      });
      return { status: response.status, body: await response.text() };
    } catch (error) {
      throw new DcsUnreachableError(
        `Cannot ask etcd at ${endpoint} for keys of its version 2: ${error}`,
        { cause: error },
      );
    }
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** An empty directory is nobody's cluster. */
function hasKeys(body: string): boolean {
  try {
    const { node } = JSON.parse(body);
    return !node.dir || (Array.isArray(node.nodes) && node.nodes.length > 0);
  } catch {
    return false;
  }
}

function tlsClient(tls: EtcdTls): Deno.HttpClient {
  const { ca, cert, key } = readTls(tls);
  return Deno.createHttpClient({
    caCerts: [ca.toString()],
    ...(cert === undefined || key === undefined
      ? {}
      : { cert: cert.toString(), key: key.toString() }),
  });
}
