/**
 * The table of all endpoints: methods, parameters, bodies and every status with
 * its shape. `document.ts` makes the OpenAPI document from it; a test holds it to
 * the routes of the application.
 *
 * Source: docs/contract/rest-api.md 2.3 to 13.
 */
import {
  anyObjectBody,
  failsafeBody,
  manualFailoverBody,
  reinitializeBody,
  restartBody,
} from "../schemas.ts";
import { DESK } from "./desk_endpoints.ts";
import {
  ACTION,
  type Endpoint,
  type QueryParameter,
  READ,
  type Reply,
} from "./endpoint.ts";
import { UI } from "./ui_endpoints.ts";

const LAG: QueryParameter = {
  name: "lag",
  description: "Largest acceptable lag, bytes or with unit (B, kB, MB, GB, TB)",
};
const REPLICATION_STATE: QueryParameter = {
  name: "replication_state",
  description:
    "A replica must be in that state: `streaming` or `in archive recovery`",
};
const TAGS: QueryParameter = {
  name: "tag_*",
  description: "The member must have that tag with that value",
};

/** Health checks and when each of them is 200. */
const CHECKS: readonly (readonly [string, string])[] = [
  ["/", "this member leads a regular scope"],
  ["/primary", "this member leads a regular scope"],
  ["/master", "the old name of /primary"],
  ["/read-write", "this member leads a regular scope"],
  ["/leader", "this member holds the lease"],
  ["/standby-leader", "this member leads a standby cluster"],
  ["/standby_leader", "the old name of /standby-leader"],
  ["/replica", "a running replica within the lag, without noloadbalance"],
  ["/read-only", "as /replica, and on the leader too"],
  ["/health", "PostgreSQL runs"],
  ["/sync", "as /replica, and listed as synchronous standby"],
  ["/synchronous", "the same as /sync"],
  ["/quorum", "as /replica, and listed as quorum standby"],
  ["/async", "as /replica, and not listed as synchronous standby"],
  ["/asynchronous", "the same as /async"],
  ["/read-only-sync", "as /sync, and on the leader too"],
  ["/read-only-synchronous", "the same as /read-only-sync"],
  ["/read-only-quorum", "as /quorum, and on the leader too"],
];

function checksOf(method: "get" | "head" | "options"): readonly Endpoint[] {
  const shape = method === "get" ? "json" : "none";
  return CHECKS.map(([path, meaning]) => ({
    ...READ,
    method,
    path,
    summary: `Health check: 200 if ${meaning}`,
    query: [LAG, REPLICATION_STATE, TAGS],
    replies: [
      [200, shape, "Yes; GET sends the status document"],
      [503, shape, "No; GET sends the status document"],
    ],
  }));
}

const MEMBER: readonly Endpoint[] = [
  {
    ...READ,
    path: "/liveness",
    summary: "200 while the loop runs",
    replies: [[200, "none", "Alive"], [503, "none", "The loop is late"]],
  },
  {
    ...READ,
    path: "/readiness",
    summary: "200 if this member leads, or streams within the lag",
    query: [LAG, { name: "mode", description: "`apply` (default) or `write`" }],
    replies: [[200, "none", "Ready"], [503, "none", "Not ready"]],
  },
  {
    ...READ,
    path: "/patroni",
    summary: "The status document of this member",
    replies: [[200, "json", "Always"]],
  },
  {
    ...READ,
    path: "/metrics",
    summary: "Prometheus text: Patroni's names, then matriarch_*",
    replies: [[200, "metrics", "Always"]],
  },
  {
    ...READ,
    path: "/explain",
    summary:
      "The last decisions with rule, reason, facts and sentence, and whether a lost leader could be taken over from now",
    replies: [[200, "json", "Always"]],
  },
  {
    ...READ,
    path: "/openapi.json",
    summary: "This document",
    replies: [[200, "json", "Always"]],
  },
];

const SCOPE: readonly Endpoint[] = [
  {
    ...READ,
    path: "/routes",
    summary: "Where clients may go, live, as server-sent events, for proxies " +
      "without access to the store: `all` first, then `some` for each change, " +
      "`beat` every 2 s; `askedAt` says when the store backed it, `sentAt` " +
      "when it was sent, on the agent's own clock",
    replies: [
      [200, "events", "A stream that does not end"],
      [503, "page", "Too many proxies listen"],
    ],
  },
  {
    ...READ,
    path: "/cluster",
    summary: "All members, and what is scheduled",
    needsDcs: true,
    replies: [[200, "json", "A fresh view"]],
  },
  {
    ...READ,
    path: "/history",
    summary: "Changes of the timeline",
    needsDcs: true,
    replies: [[200, "json", "Maybe an empty list"]],
  },
  {
    ...READ,
    path: "/config",
    summary: "The dynamic configuration",
    needsDcs: true,
    replies: [[200, "json", "As stored"], [502, "page", "There is none"]],
  },
  {
    ...ACTION,
    method: "patch",
    path: "/config",
    summary: "Merge into the dynamic configuration; null removes a key",
    needsDcs: true,
    body: { schema: anyObjectBody, isRequired: true },
    replies: [
      [200, "json", "The resulting configuration"],
      [409, "page", "Somebody else was faster"],
      [503, "page", "There is no valid configuration to change"],
    ],
  },
  {
    ...ACTION,
    method: "put",
    path: "/config",
    summary: "Replace the dynamic configuration",
    needsDcs: true,
    body: { schema: anyObjectBody, isRequired: true },
    replies: [
      [200, "json", "As requested"],
      [502, "page", "It could not be written"],
    ],
  },
];

const OUTCOMES: readonly Reply[] = [
  [200, "text", "Another member leads now"],
  [400, "text", "The request is not complete, or not possible like that"],
  [412, "text", "The members do not allow it now"],
  [503, "text", "It failed, or its outcome is not known"],
];

const LEADERSHIP: readonly Endpoint[] = [
  {
    ...ACTION,
    path: "/switchover",
    summary: "Change the leader as planned, now or at a time",
    needsDcs: true,
    body: { schema: manualFailoverBody, isRequired: true },
    replies: [
      ...OUTCOMES,
      [202, "text", "Switchover scheduled"],
      [422, "text", "The time is past or cannot be read"],
    ],
  },
  {
    ...ACTION,
    path: "/failover",
    summary: "Make a candidate the leader",
    needsDcs: true,
    body: { schema: manualFailoverBody, isRequired: true },
    replies: OUTCOMES,
  },
  {
    ...ACTION,
    method: "delete",
    path: "/switchover",
    summary: "Forget the scheduled switchover",
    needsDcs: true,
    replies: [
      [200, "text", "scheduled switchover deleted"],
      [404, "text", "no switchover is scheduled"],
      [409, "page", "Somebody else was faster"],
    ],
  },
  {
    ...READ,
    path: "/failsafe",
    summary: "Members that must agree before the leader goes on without DCS",
    replies: [
      [200, "json", "Names and URLs, as last known"],
      [502, "page", "There is no such map"],
    ],
  },
  {
    ...ACTION,
    path: "/failsafe",
    summary: "A leader without DCS asks for consent",
    body: { schema: failsafeBody, isRequired: true },
    replies: [
      [200, "text", "Accepted; header `lsn` has the own position"],
      [400, "text", "A field is missing or of a wrong type"],
      [500, "text", "Running as a leader"],
      [502, "page", "failsafe_mode is off"],
    ],
  },
  {
    ...ACTION,
    method: "get",
    path: "/pulse",
    summary: "A voter of a takeover listens to its leader's agent (upgrade)",
    query: [{ name: "member", description: "The voter's name" }],
    replies: [
      [426, "text", "Only by an upgrade of the connection"],
      [503, "page", "This member does not lead, or that one is no voter"],
    ],
  },
];

const ACTIONS: readonly Endpoint[] = [
  {
    ...ACTION,
    path: "/restart",
    summary: "Restart PostgreSQL if the filters match, now or at a time",
    needsDcs: true,
    body: { schema: restartBody, isRequired: false },
    replies: [
      [200, "text", "restarted successfully"],
      [202, "text", "Restart scheduled"],
      [400, "text", "A filter is at fault, or the restart failed"],
      [409, "text", "Another restart is already scheduled"],
      [422, "text", "The time is past or cannot be read"],
      [500, "text", "Can't schedule restart in the paused state"],
      [503, "text", "Conditions are not met, busy, or it failed"],
    ],
  },
  {
    ...ACTION,
    method: "delete",
    path: "/restart",
    summary: "Forget the scheduled restart",
    replies: [
      [200, "text", "scheduled restart deleted"],
      [404, "text", "no restarts are scheduled"],
    ],
  },
  {
    ...ACTION,
    path: "/reload",
    summary: "Read the local configuration again, as SIGHUP does",
    replies: [[202, "text", "reload scheduled"]],
  },
  {
    ...ACTION,
    path: "/reinitialize",
    summary: "Throw the data directory away and clone it again",
    needsDcs: true,
    body: { schema: reinitializeBody, isRequired: false },
    replies: [
      [200, "text", "reinitialize started"],
      [400, "text", "A field is neither on nor off"],
      [503, "text", "No leader, this member leads, or it is busy"],
    ],
  },
  {
    ...ACTION,
    path: "/sigterm",
    summary: "End the agent with its PostgreSQL, as SIGTERM does",
    replies: [[202, "text", "shutdown scheduled"]],
  },
  ...["/citus", "/mpp"].map((path): Endpoint => ({
    ...ACTION,
    path,
    summary: "An event for a coordinator; accepted, nothing acts on it",
    body: { schema: anyObjectBody, isRequired: true },
    replies: [[200, "text", "OK"]],
  })),
];

/** Every endpoint there is. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...checksOf("get"),
  ...checksOf("head"),
  ...checksOf("options"),
  ...MEMBER,
  ...SCOPE,
  ...LEADERSHIP,
  ...ACTIONS,
  ...DESK,
  ...UI,
];

/** All replies of an endpoint, with those that protection and body bring. */
export function repliesOf(
  { isProtected, body, replies }: Endpoint,
): readonly Reply[] {
  return [
    ...replies,
    ...(isProtected ? REFUSALS : []),
    ...(body === null ? [] : BODY_FAULTS),
    ...(body?.isRequired === true ? LENGTH_MISSING : []),
  ];
}

const REFUSALS: readonly Reply[] = [
  [401, "text", "User name and password are missing or wrong"],
  [403, "text", "The address is not allowed, or the certificate is missing"],
];
const BODY_FAULTS: readonly Reply[] = [
  [400, "page", "The body is not a JSON object, or empty where one is needed"],
  [413, "page", "The body is too large"],
];
const LENGTH_MISSING: readonly Reply[] = [
  [411, "page", "There is no Content-Length"],
];
