/**
 * Stands before a DynamoDB and answers in its place where a test wants what an
 * emulator never says: refused signatures, throttling, answers that are lost.
 */

/** A request, as it came. */
export interface FrontRequest {
  /** `GetItem`. */
  readonly operation: string;
  readonly headers: Headers;
  readonly body: string;
  /** What the server behind says. */
  readonly forward: () => Promise<Response>;
}

/** Null: the server behind answers. */
export type FrontAnswer = (
  request: FrontRequest,
) => Promise<Response | null> | Response | null;

/** An error as AWS words it. */
export function awsError(
  name: string,
  message: string,
  init: ResponseInit = {},
): Response {
  const type = `com.amazon.coral.service#${name}`;
  return new Response(JSON.stringify({ __type: type, message }), {
    status: 400,
    ...init,
    headers: { "content-type": "application/x-amz-json-1.0", ...init.headers },
  });
}

/** The front. */
export class DynamoFront implements AsyncDisposable {
  readonly port: number;
  answer: FrontAnswer = () => null;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param tls Certificate and key as PEM; absent: it speaks plain HTTP. */
  constructor(behind: string, tls?: { cert: string; key: string }) {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(
      { ...options, ...tls },
      (request) => this.#serve(behind, request),
    );
    this.port = this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #serve(behind: string, request: Request): Promise<Response> {
    const { method, headers } = request;
    const body = await request.text();
    const forward = async () => {
      const answer = await fetch(behind, { method, headers, body });
      const text = await answer.text();
      const { status, headers: own } = answer;
      return new Response(text, { status, headers: own });
    };
    const [, operation = ""] = (headers.get("x-amz-target") ?? "").split(".");
    return await this.answer({ operation, headers, body, forward }) ??
      await forward();
  }
}
