/** What people ask of the agent. Nothing here acts on the instance by itself: the loop serves it. */
import { memberRole } from "../core/calc/documents/publication.ts";
import { restartRefusal } from "../core/calc/lead/restart_conditions.ts";
import type { MemberName } from "../core/model/member.ts";
import type { RestartFilters } from "../core/model/request.ts";
import type {
  OperatorApi,
  RequestOutcome,
  ScopeApi,
} from "../ports/agent_api.ts";
import type { PostgresWatch } from "../ports/postgres.ts";
import type { Inbox } from "./inbox.ts";
import type { Remembering } from "./memory.ts";
import type { TaskRunner } from "./task_runner.ts";

/** What requests are handed on by. */
interface OperatorParts {
  readonly inbox: Pick<Inbox, "ask" | "askReload" | "wake">;
  readonly tasks: Pick<TaskRunner, "view" | "cancel">;
  readonly memory: Remembering;
  readonly postgres: Pick<PostgresWatch, "observe">;
  readonly scope: Pick<ScopeApi, "freshView">;
  readonly config: () => { readonly self: MemberName };
}

/** Hands requests on to the loop. */
export class OperatorService implements OperatorApi {
  readonly #parts: OperatorParts;
  readonly #end: () => void;

  /** @param end Begins the orderly end of the agent, as SIGTERM does. */
  constructor(parts: OperatorParts, end: () => void) {
    this.#parts = parts;
    this.#end = end;
  }

  wake(): void {
    this.#parts.inbox.wake();
  }

  async restart(filters: RestartFilters): Promise<RequestOutcome> {
    const { postgres, tasks, memory, inbox } = this.#parts;
    const view = await postgres.observe();
    const facts = { postgres: view, task: tasks.view, memory: memory.now };
    const status = { role: memberRole(facts), postgres: view };
    const refusal = restartRefusal(status, filters) ?? this.#busyRefusal();
    if (refusal !== null) return refused(refusal);
    const { timeoutMs } = filters;
    return await inbox.ask({ kind: "restart", timeoutMs });
  }

  async scheduleRestart(
    filters: RestartFilters,
    schedule: string,
  ): Promise<RequestOutcome> {
    const { memory, inbox, postgres } = this.#parts;
    const view = await postgres.observe();
    if (memory.now.scheduledRestart !== null) {
      return { status: 409, text: "Another restart is already scheduled" };
    }
    const postmasterStartTime = view.kind === "running"
      ? view.postmasterStartTime
      : null;
    const restart = { schedule, filters, postmasterStartTime };
    memory.remember({ kind: "restart_scheduled", restart });
    inbox.wake();
    return { status: 202, text: "Restart scheduled" };
  }

  cancelScheduledRestart(): boolean {
    const { memory, inbox } = this.#parts;
    const isThere = memory.now.scheduledRestart !== null;
    memory.remember({ kind: "restart_scheduled", restart: null });
    if (isThere) inbox.wake();
    return isThere;
  }

  async reinitialize(
    options: {
      readonly isForced: boolean;
      readonly isForcedFromLeader: boolean;
    },
  ): Promise<RequestOutcome> {
    const { scope, config, tasks, inbox } = this.#parts;
    const view = await scope.freshView();
    const leader = view.leader?.name ?? null;
    if (leader === null) {
      return refused("Cluster has no leader, can not reinitialize");
    }
    if (leader === config().self) {
      return refused("I am the leader, can not reinitialize");
    }
    if (options.isForced) await tasks.cancel();
    const busy = this.#busyRefusal();
    if (busy !== null) return refused(busy);
    const { isForcedFromLeader } = options;
    return await inbox.ask({ kind: "reinitialize", isForcedFromLeader });
  }

  reload(): void {
    this.#parts.inbox.askReload();
  }

  shutDown(): void {
    this.#end();
  }

  #busyRefusal(): string | null {
    const { view } = this.#parts.tasks;
    return view.kind === "idle"
      ? null
      : `${view.task.kind} already in progress`;
  }
}

function refused(text: string): RequestOutcome {
  return { status: 503, text };
}
