/** Somebody's own service that takes messages, and checks who signed them. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";

/** One message that came. */
export interface Received {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  readonly document: Readonly<Record<string, unknown>>;
}

/** What is answered to the message of that number, from 0. */
export type Answering = (count: number) => Response | Promise<Response>;

/** Listens on 127.0.0.1. */
export class Receiver implements AsyncDisposable {
  readonly got: Received[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scheme: string;

  constructor(
    answering: Answering = () => new Response(null, { status: 204 }),
    options: {
      readonly port?: number;
      readonly cert?: string;
      readonly key?: string;
    } = {},
  ) {
    const { port = 0, cert, key } = options;
    const handle = async (request: Request): Promise<Response> => {
      const body = await request.text();
      const { pathname, search } = new URL(request.url);
      this.got.push({
        ...{ path: pathname + search, headers: request.headers, body },
        document: JSON.parse(body),
      });
      return await answering(this.got.length - 1);
    };
    const place = { hostname: "127.0.0.1", port, onListen: () => {} };
    this.#scheme = cert === undefined ? "http" : "https";
    this.#server = cert === undefined || key === undefined
      ? Deno.serve(place, handle)
      : Deno.serve({ ...place, cert, key }, handle);
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** With a path that is a secret, as such services have it. */
  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/hook/s3cr3t-path`;
  }

  /** Types of what came, in its order. */
  get types(): readonly unknown[] {
    return this.got.map(({ document }) => document["type"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Fails unless the message was signed with that key, as Standard Webhooks has it. */
export function assertSigned({ headers, body }: Received, key: string): void {
  const [id, timestamp] = ["id", "timestamp"].map((name) =>
    headers.get(`webhook-${name}`)
  );
  const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`)
    .digest("base64");
  assert.equal(headers.get("webhook-signature"), `v1,${wanted}`);
}
