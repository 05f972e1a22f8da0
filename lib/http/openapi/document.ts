/**
 * The OpenAPI document, made from the table of endpoints and from the very zod
 * schemas that check the requests.
 *
 * Source: OpenAPI Specification 3.1.1.
 */
import * as z from "zod";
import type {
  Endpoint,
  QueryParameter,
  Reply,
  ReplyShape,
} from "./endpoint.ts";
import { ENDPOINTS, repliesOf } from "./endpoints.ts";

type Json = Readonly<Record<string, unknown>>;

const MEDIA_TYPES: Readonly<Record<ReplyShape, string | null>> = {
  none: null,
  json: "application/json",
  text: "text/html",
  metrics: "text/plain",
  page: "text/html;charset=utf-8",
  events: "text/event-stream",
};

const NO_REPLY = "While the DCS cannot be read, the connection is closed " +
  "without a reply.";

/** Schemes of `restapi.authentication` and `restapi.verify_client`. */
const SECURITY_SCHEMES: Json = {
  basic: { type: "http", scheme: "basic" },
  certificate: { type: "mutualTLS" },
};

/** Any of them, all of them or none, as the member is configured. */
const SECURITY: readonly Json[] = [
  { basic: [] },
  { certificate: [] },
  { basic: [], certificate: [] },
  {},
];

/**
 * The document.
 *
 * @param version The version that peers read, e.g. `4.1.4`.
 */
export function openApiDocument(version: string): Json {
  const byPath = Map.groupBy(ENDPOINTS, ({ path }) => path);
  const paths = [...byPath].map(([path, endpoints]) => [
    path,
    Object.fromEntries(
      endpoints.map((endpoint) => [endpoint.method, operation(endpoint)]),
    ),
  ]);
  return {
    openapi: "3.1.1",
    info: {
      title: "Matriarch",
      version,
      description: "The REST API of one member. GET of any other path is a " +
        "health check that says 503; any other method is 501.",
    },
    paths: Object.fromEntries(paths),
    components: { securitySchemes: SECURITY_SCHEMES },
  };
}

function operation(endpoint: Endpoint): Json {
  const { method, path, summary, needsDcs, query, body } = endpoint;
  return {
    operationId: `${method}${path.replace(/[^a-z_-]+/g, "_")}`,
    summary,
    ...(needsDcs ? { description: NO_REPLY } : {}),
    ...(endpoint.isProtected ? { security: SECURITY } : {}),
    ...(query.length === 0 ? {} : { parameters: query.map(parameter) }),
    ...(body === null ? {} : { requestBody: requestBody(body) }),
    responses: responses(repliesOf(endpoint)),
  };
}

function parameter({ name, description }: QueryParameter): Json {
  if (!name.endsWith("*")) {
    return { name, in: "query", description, schema: { type: "string" } };
  }
  const prefix = name.slice(0, -1);
  return {
    name,
    in: "query",
    description,
    style: "form",
    explode: true,
    schema: {
      type: "object",
      patternProperties: { [`^${prefix}`]: { type: "string" } },
    },
  };
}

function requestBody(
  { schema, isRequired }: NonNullable<Endpoint["body"]>,
): Json {
  const { $schema: _, ...plain } = z.toJSONSchema(schema, { io: "input" });
  return {
    required: isRequired,
    content: { "application/json": { schema: plain } },
  };
}

/** One status may have two shapes: a text of ours, and an error page. */
function responses(replies: readonly Reply[]): Json {
  const byStatus = Map.groupBy(replies, ([status]) => String(status));
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [status, {
      description: group.map(([, , text]) => text).join("; "),
      ...content(group),
    }]),
  );
}

function content(replies: readonly Reply[]): Json {
  const types = replies.flatMap(([, shape]) => MEDIA_TYPES[shape] ?? []);
  if (types.length === 0) return {};
  return {
    content: Object.fromEntries(types.map((type) => [type, {
      schema: {
        type: type === "application/json" ? ["object", "array"] : "string",
      },
    }])),
  };
}
