/** A collector of traces: OTLP over HTTP, in both encodings. */
import { z } from "zod";
import {
  type Fields,
  fieldsOf,
  hex,
  integer,
  messages,
  text,
} from "./protobuf.ts";

type Value = string | number | boolean;

/** A span that came. */
export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it is the root of its trace. */
  readonly parentId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, Value>>;
  /** Empty: nothing went wrong. */
  readonly error: string;
  /** Of the service that sent it. */
  readonly resource: Readonly<Record<string, Value>>;
}

/** A request that came. */
export interface CollectedRequest {
  readonly path: string;
  readonly headers: Headers;
}

/** Listens on 127.0.0.1 and takes everything, unless told otherwise. */
export class Collector implements AsyncDisposable {
  readonly requests: CollectedRequest[] = [];
  readonly spans: CollectedSpan[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ended = new AbortController();

  /** @param answering To the request of that number, from 0; "never" hangs. */
  constructor(
    answering: (count: number) => Response | "never" = () => new Response(),
    port = 0,
  ) {
    const place = { hostname: "127.0.0.1", port, onListen: () => {} };
    this.#server = Deno.serve(
      { ...place, signal: this.#ended.signal },
      async (request) => {
        const { headers } = request;
        const path = new URL(request.url).pathname;
        const answer = answering(this.requests.push({ path, headers }) - 1);
        const body = await request.bytes();
        if (answer === "never") {
          return await new Promise<Response>((resolve) => {
            const end = () => resolve(new Response());
            this.#ended.signal.addEventListener("abort", end);
          });
        }
        if (answer.ok) this.spans.push(...spansIn(headers, body));
        return answer;
      },
    );
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Those without a parent. */
  roots(name: string): readonly CollectedSpan[] {
    return this.spans.filter((span) =>
      span.name === name && span.parentId === ""
    );
  }

  /** In the order of their beginnings. */
  childrenOf({ traceId, spanId }: CollectedSpan): readonly CollectedSpan[] {
    return this.spans
      .filter((span) => span.traceId === traceId && span.parentId === spanId)
      .toSorted((one, other) => one.startMs - other.startMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server.finished;
  }
}

/** Of nanoseconds, exactly; together they are too many for a number. */
function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000n) / 1_000;
}

function spansIn(headers: Headers, body: Uint8Array): CollectedSpan[] {
  return headers.get("content-type") === "application/json"
    ? spansOfJson(JSON.parse(new TextDecoder().decode(body)))
    : spansOfProtobuf(fieldsOf(body));
}

const ATTRIBUTES = z.array(z.object({
  key: z.string(),
  value: z.union([
    z.object({ stringValue: z.string() }).transform((v) => v.stringValue),
    z.object({ boolValue: z.boolean() }).transform((v) => v.boolValue),
    z.object({ intValue: z.coerce.number() }).transform((v) => v.intValue),
    z.object({ doubleValue: z.number() }).transform((v) => v.doubleValue),
  ]),
})).transform((pairs): Record<string, Value> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value]))
);

const SPAN = z.object({
  name: z.string(),
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().default(""),
  startTimeUnixNano: z.coerce.bigint(),
  endTimeUnixNano: z.coerce.bigint(),
  attributes: ATTRIBUTES,
  status: z.object({ code: z.number(), message: z.string().default("") }),
});

const DOCUMENT = z.object({
  resourceSpans: z.array(z.object({
    resource: z.object({ attributes: ATTRIBUTES }),
    scopeSpans: z.array(z.object({ spans: z.array(SPAN) })),
  })),
});

function spansOfJson(document: unknown): CollectedSpan[] {
  return DOCUMENT.parse(document).resourceSpans.flatMap((of) =>
    of.scopeSpans.flatMap(({ spans }) => spans).map((span) => ({
      ...{ name: span.name, traceId: span.traceId, spanId: span.spanId },
      parentId: span.parentSpanId,
      startMs: milliseconds(span.startTimeUnixNano),
      endMs: milliseconds(span.endTimeUnixNano),
      attributes: span.attributes,
      error: span.status.message,
      resource: of.resource.attributes,
    }))
  );
}

function spansOfProtobuf(document: Fields): CollectedSpan[] {
  return messages(document, 1).flatMap((of) => {
    const resource = attributesIn(messages(of, 1)[0] ?? new Map(), 1);
    return messages(of, 2).flatMap((scope) => messages(scope, 2))
      .map((span) => ({
        ...{ name: text(span, 5), traceId: hex(span, 1) },
        ...{ spanId: hex(span, 2), parentId: hex(span, 4) },
        startMs: milliseconds(integer(span, 7)),
        endMs: milliseconds(integer(span, 8)),
        attributes: attributesIn(span, 9),
        error: messages(span, 15).map((status) => text(status, 2)).join(),
        resource,
      }));
  });
}

function attributesIn(fields: Fields, at: number): Record<string, Value> {
  return Object.fromEntries(
    messages(fields, at).map((pair) => {
      const value = messages(pair, 2)[0] ?? new Map();
      const read = value.has(2)
        ? integer(value, 2) === 1n
        : value.has(3)
        ? Number(integer(value, 3))
        : text(value, 1);
      return [text(pair, 1), read];
    }),
  );
}
