/** Another instance that the local one follows, or may come to follow. */
import type { UpstreamView } from "../../core/model/peer_view.ts";
import type {
  PostgresView,
  StandbyChange,
} from "../../core/model/postgres_view.ts";
import type {
  FollowResult,
  PostgresPeer,
  PostgresUpstream,
} from "../../ports/postgres.ts";
import { localWalEnd } from "./fill/wal_end.ts";
import type { PostgresContext } from "./options.ts";
import { writeEmptyRecord } from "./session/local_session.ts";
import { remoteTarget } from "./session/targets.ts";
import { askUpstream } from "./session/upstream.ts";
import type { Standby } from "./standby.ts";

/** What this part works with. */
interface UpstreamTools {
  readonly standby: Standby;
  readonly observe: () => Promise<PostgresView>;
}

/** Follows another instance, and asks it. */
export class LocalUpstream implements PostgresUpstream {
  readonly #context: PostgresContext;
  readonly #tools: UpstreamTools;

  constructor(context: PostgresContext, tools: UpstreamTools) {
    this.#context = context;
    this.#tools = tools;
  }

  async follow(upstream: PostgresPeer | null): Promise<FollowResult> {
    return await this.#tools.standby.follow(upstream);
  }

  async change(upstream: PostgresPeer | null): Promise<StandbyChange> {
    return await this.#tools.standby.change(upstream);
  }

  async ask(upstream: PostgresPeer): Promise<UpstreamView> {
    return await askUpstream(
      this.#context,
      upstream,
      async () => localWalEnd(this.#context, await this.#tools.observe()),
    );
  }

  async writeRecord(primary: PostgresPeer): Promise<void> {
    await writeEmptyRecord(remoteTarget(this.#context, "rewind", primary));
  }
}
