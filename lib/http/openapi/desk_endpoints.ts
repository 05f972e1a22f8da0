/** The endpoints for hosts that want certificates. */
import { certificateBody, joinBody } from "../schemas.ts";
import { ACTION, type Endpoint, type Reply } from "./endpoint.ts";

const DESK_REFUSALS: readonly Reply[] = [
  [400, "text", "A field is missing or wrong"],
  [403, "text", "The token is wrong, expired or used; or the host was removed"],
  [409, "text", "The host cannot be a member as it is"],
  [421, "text", "Another member has the key of the authority"],
  [501, "page", "This cluster has no certificates of its own"],
  [503, "text", "The store does not answer"],
];

/** All of them. */
export const DESK: readonly Endpoint[] = [
  {
    ...ACTION,
    path: "/join",
    summary: "A certificate for a host with a token; only with TLS",
    isProtected: false,
    body: { schema: joinBody, isRequired: true },
    replies: [
      [200, "json", "The certificate, whom to trust, and the common settings"],
      ...DESK_REFUSALS,
      [429, "text", "Too many wrong tokens from that address"],
    ],
  },
  {
    ...ACTION,
    path: "/certificate",
    summary: "Another certificate for the member that shows one",
    body: { schema: certificateBody, isRequired: true },
    replies: [
      [200, "json", "The certificate, and whom to trust"],
      ...DESK_REFUSALS,
    ],
  },
];
