/** The cluster page at the statistics port: what this proxy sees in the store, and what members tell. */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import type { Onlooker } from "../lib/ports/onlooker.ts";
import { ClusterFeed } from "../lib/ui/feed.ts";
import { pagePolicy } from "../lib/ui/page.ts";
import { errorText } from "./error_text.ts";
import type { Front } from "./front.ts";
import type { ProxyOptions } from "./options.ts";
import type { RouteWatch } from "./routes.ts";
import { clientsOf } from "./stats_view.ts";

/** The page's parts. */
export interface ProxyPage {
  readonly feed: ClusterFeed;
  /** The policy under which a browser shows it. */
  readonly policy: string;
}

/** What it shows. */
interface PageSources {
  readonly clock: Clock;
  readonly log: Log;
  /** Absent or null: there is no page. */
  readonly onlooker?: Onlooker | null;
  readonly options: ProxyOptions;
  readonly watch: Pick<RouteWatch, "view" | "health">;
  /** The member beside the proxy, or its host and port. */
  readonly name: string;
}

/** Where it is shown. */
interface PagePlace {
  readonly front: Pick<Front, "ledger">;
  /** Null: there are no statistics. */
  readonly server: { showPage(page: ProxyPage): void } | null;
}

/** The page of a running proxy; null: there is none. It goes on while it is run. */
export function proxyPage(
  sources: PageSources,
  { front, server }: PagePlace,
): ClusterFeed | null {
  const { clock, log, onlooker = null, options, watch, name } = sources;
  if (onlooker === null || server === null) return null;
  const feed = new ClusterFeed({
    clock,
    onlooker,
    source: () => {
      const { health, view } = watch;
      return {
        scope: options.scope,
        shownBy: `the proxy of ${name}`,
        view,
        storeAwaySinceMs: health.kind === "unreachable" ? health.sinceMs : null,
        // A member's agent tells of the proxy beside it.
        proxy: options.memberName !== null ? null : {
          name,
          facts: {
            version: options.version,
            ...clientsOf(front.ledger),
            isFenceArmed: false,
          },
        },
        hasActions: false,
      };
    },
    onError: (error) =>
      log.warning(`The cluster page could not be made: ${errorText(error)}`),
  });
  pagePolicy().then((policy) => server.showPage({ feed, policy }));
  return feed;
}
