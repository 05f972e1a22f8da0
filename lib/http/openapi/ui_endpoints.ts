/** The endpoints of the cluster page. None is there where the configuration says `ui: off`. */
import { ticketBody, wantedActionBody } from "../schemas.ts";
import { ACTION, type Endpoint, READ, type Reply } from "./endpoint.ts";

const OFF: Reply = [501, "page", "The configuration says `ui: off`"];
const NO_PASSWORD: Reply = [
  403,
  "text",
  "The REST API has no password, so there are no actions",
];

/** All of them. */
export const UI: readonly Endpoint[] = [
  {
    ...READ,
    path: "/ui",
    summary: "The cluster page, for people",
    replies: [[200, "page", "The whole page, in one piece"], OFF],
  },
  {
    ...READ,
    path: "/ui/events",
    summary: "What the cluster page shows, live, as server-sent events: " +
      "`all` first, then `some` for each change",
    replies: [
      [200, "events", "A stream that does not end"],
      OFF,
      [503, "page", "Too many pages are open"],
    ],
  },
  {
    ...READ,
    path: "/ui/facts",
    summary: "What this member tells the pages of the others: its proxy, " +
      "its guards, how the store answers it",
    replies: [[200, "json", "Always"], OFF],
  },
  {
    ...ACTION,
    path: "/ui/rehearse",
    summary: "What an action of the page would come to, and a ticket for it",
    needsDcs: true,
    body: { schema: wantedActionBody, isRequired: true },
    replies: [
      [200, "json", "Lines for people; `ticket` is null if it cannot be done"],
      [400, "text", "A field is missing or wrong"],
      NO_PASSWORD,
      OFF,
    ],
  },
  {
    ...ACTION,
    path: "/ui/act",
    summary: "Do what a ticket is for; each is good once, and not for long",
    needsDcs: true,
    body: { schema: ticketBody, isRequired: true },
    replies: [
      [200, "json", "Status and text of the member that was asked"],
      [400, "text", "A field is missing or wrong"],
      NO_PASSWORD,
      OFF,
      [409, "text", "The ticket is not good, or not any more"],
      [412, "text", "It cannot be done by now, and why"],
    ],
  },
];
