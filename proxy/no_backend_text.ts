/** What a client is told that waited for a backend in vain. */
import type { Route } from "./ledger.ts";
import type { ProxyOptions } from "./options.ts";
import type { RouteWatch } from "./routes.ts";
import type { RefusalText } from "./startup.ts";
import { exclusionSentence } from "./stats.ts";

/** 57P03, with the reasons that are known. */
export function noBackendText(
  route: Route,
  { options, watch }: {
    readonly options: ProxyOptions;
    readonly watch: Pick<RouteWatch, "health" | "routes">;
  },
): RefusalText {
  const { holdTimeoutMs, scope } = options;
  const what = route === "primary" ? "primary" : "usable replica";
  const reasons = watch.routes.exclusions
    .filter((exclusion) => exclusion.route === route)
    .map(exclusionSentence);
  const known = watch.health.kind === "not_read_yet"
    ? ["The DCS has not answered yet."]
    : reasons;
  return {
    code: "57P03",
    message: `no ${what} of scope "${scope}" could be reached within ` +
      `${holdTimeoutMs / 1000} s`,
    detail: known.length === 0 ? null : known.join(" "),
  };
}
