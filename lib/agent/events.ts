/**
 * Which callback fires when: the user's programs are told of starts, stops,
 * restarts, reloads and changes of role, each once.
 *
 * Source: docs/contract/ha.md 18.
 */
import { memberRole } from "../core/calc/documents/publication.ts";
import type { MemberRole } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { CallbackEvent, Callbacks } from "../ports/callbacks.ts";
import type { Postgres, StopOptions } from "../ports/postgres.ts";

const STANDBYS: readonly MemberRole[] = ["replica", "standby_leader"];

/** Tells the callbacks; remembers which role they know of. */
export class Announcer {
  readonly #ports: {
    readonly callbacks: Callbacks;
    readonly postgres: Pick<Postgres, "server">;
  };
  /** The role that callbacks were told last; null: none was told anything. */
  #told: MemberRole | null = null;
  /** To be told as soon as the instance answers. */
  #awaited: "on_start" | "on_restart" | null = null;

  constructor(
    ports: {
      readonly callbacks: Callbacks;
      readonly postgres: Pick<Postgres, "server">;
    },
  ) {
    this.#ports = ports;
  }

  /** The instance runs, after that event; a change of role is told instead of it. */
  running(
    event: "on_start" | "on_restart" | "on_reload",
    role: MemberRole,
  ): void {
    const isChange = this.#told !== null && isRoleChange(this.#told, role);
    this.#fire(isChange ? "on_role_change" : event, role);
  }

  /** The instance starts and does not answer yet: the event is told when it does. */
  await(event: "on_start" | "on_restart"): void {
    this.#awaited = event;
  }

  /** The role changed, now. */
  roleChanged(role: MemberRole): void {
    this.#fire("on_role_change", role);
  }

  /** The server read its files again. */
  reloaded(): void {
    if (this.#told !== null) this.#fire("on_reload", this.#told);
  }

  /** Stops the instance for good, as opposed to a restart. */
  async stop(options: StopOptions): Promise<void> {
    const result = await this.#ports.postgres.server.stop(options);
    if (result === "stopped") this.stopped();
  }

  /** A stop that was signalled is over. */
  stopped(): void {
    this.#awaited = null;
    this.#ports.callbacks.fire("on_stop", this.#told ?? "uninitialized");
  }

  /**
   * At the end of a cycle: a server that ran before this agent did counts as
   * started, and a replica may have become standby leader or ceased to be.
   */
  look(o: Observation): void {
    if (o.postgres.kind !== "running" || o.task.kind !== "idle") return;
    const role = memberRole(o);
    if (this.#told === null) return this.#fire("on_start", role);
    if (this.#awaited !== null) return this.running(this.#awaited, role);
    const isStandbyChange = role !== this.#told && STANDBYS.includes(role) &&
      STANDBYS.includes(this.#told);
    if (isStandbyChange) this.#fire("on_role_change", role);
  }

  #fire(event: CallbackEvent, role: MemberRole): void {
    this.#told = role;
    this.#awaited = null;
    this.#ports.callbacks.fire(event, role);
  }
}

/** From primary to anything else, or between replica and standby leader. */
function isRoleChange(from: MemberRole, to: MemberRole): boolean {
  if (from === to) return false;
  return !STANDBYS.includes(from) || STANDBYS.includes(to);
}
