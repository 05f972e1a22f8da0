/** What a client is told that waited for a backend in vain. */
import type { PortTarget } from "../lib/core/calc/host/port_routes.ts";
import type { DoorSpec } from "./doors.ts";
import type { ProxyOptions } from "./options.ts";
import type { RouteWatch } from "./routes.ts";
import type { RefusalText } from "./startup.ts";
import { exclusionSentence } from "./stats.ts";

const WANTED: Readonly<Record<PortTarget, string>> = {
  leader: "primary",
  replica: "usable replica",
  sync: "usable synchronous standby",
  async: "usable replica that is not synchronous",
  any: "usable member",
  standby_leader: "leader of a standby cluster",
};

/** 57P03, with the reasons that are known. */
export function noBackendText(
  { rule: { to } }: DoorSpec,
  { options, watch }: {
    readonly options: ProxyOptions;
    readonly watch: Pick<RouteWatch, "health" | "routes">;
  },
): RefusalText {
  const { holdTimeoutMs, scope } = options;
  const route = to === "leader" || to === "standby_leader"
    ? "primary"
    : "replica";
  const reasons = watch.routes.exclusions
    .filter((exclusion) => exclusion.route === route)
    .map(exclusionSentence);
  const known = watch.health.kind === "not_read_yet"
    ? ["The DCS has not answered yet."]
    : reasons;
  return {
    code: "57P03",
    message: `no ${WANTED[to]} of scope "${scope}" could be reached within ` +
      `${holdTimeoutMs / 1000} s`,
    detail: known.length === 0 ? null : known.join(" "),
  };
}
