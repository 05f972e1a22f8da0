/** What is said of one endpoint of the REST API. */
import type * as z from "zod";

/** How a reply looks; `none` is a status line only, `page` HTML, mostly of an error. */
export type ReplyShape =
  | "none"
  | "json"
  | "text"
  | "metrics"
  | "page"
  | "events";

/** Status, shape, and when it is sent. */
export type Reply = readonly [number, ReplyShape, string];

/** A query parameter; `*` at the end of its name stands for any rest. */
export interface QueryParameter {
  readonly name: string;
  readonly description: string;
}

/** One method of one path. */
export interface Endpoint {
  readonly method:
    | "get"
    | "head"
    | "options"
    | "post"
    | "put"
    | "patch"
    | "delete";
  readonly path: string;
  readonly summary: string;
  /** Allowlist, client certificate and password are asked for. */
  readonly isProtected: boolean;
  /** While the DCS cannot be read the connection is closed without a reply. */
  readonly needsDcs: boolean;
  readonly query: readonly QueryParameter[];
  /** Null: a body is ignored. */
  readonly body:
    | { readonly schema: z.ZodType; readonly isRequired: boolean }
    | null;
  /** Without those that follow from protection and body. */
  readonly replies: readonly Reply[];
}

/** What most that read have in common. */
export const READ = {
  method: "get",
  isProtected: false,
  needsDcs: false,
  query: [],
  body: null,
} as const;
/** And those that act. */
export const ACTION = { ...READ, method: "post", isProtected: true } as const;
