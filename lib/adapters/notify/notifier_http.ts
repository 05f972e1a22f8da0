/**
 * Posts what happened to people's own services, as JSON. One lane per receiver,
 * so that one that hangs keeps no other from its messages.
 */
import { encodeJson } from "../../core/codec/json.ts";
import type { Notice, NotifyTarget } from "../../core/model/notice.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Notifier } from "../../ports/notifier.ts";
import { NotifyLane } from "./notify_lane.ts";
import { messageId } from "./signature.ts";

/** A longer message goes without its data. */
const BODY_LENGTH_MAX = 65_536;
const TEXT_LENGTH_MAX = 1_024;
/** What an agent that ends gives to messages that wait. */
const CLOSE_MS = 2_000;

/** Who tells whom. */
export interface NotifierParts {
  readonly clock: Pick<Clock, "now" | "wallTimeMs" | "sleep">;
  readonly log: Pick<Log, "info" | "warning">;
  readonly scope: string;
  readonly member: string;
  /** As the last reload left them. */
  readonly targets: () => readonly NotifyTarget[];
}

/** {@link Notifier} over HTTP and HTTPS. */
export class NotifierHttp implements Notifier {
  readonly #parts: NotifierParts;
  readonly #lanes = new Map<string, NotifyLane>();

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  tell(notice: Notice): void {
    const { clock, scope, targets } = this.#parts;
    const told = targets().filter(({ events }) =>
      events === null || events.includes(notice.event)
    );
    if (told.length === 0) return;
    const id = messageId([scope, notice.event, notice.key]);
    const message = { id, body: this.#body(id, notice), at: clock.now() };
    for (const { url } of told) this.#laneTo(url).put(message);
  }

  /** Gives what waits a last chance, for two seconds. Never rejects. */
  async close(): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), CLOSE_MS);
    await Promise.all(
      [...this.#lanes.values()].map((lane) => lane.close(limit.signal)),
    );
    clearTimeout(timer);
  }

  #laneTo(url: string): NotifyLane {
    this.#forgetOthers();
    const known = this.#lanes.get(url);
    if (known !== undefined) return known;
    const lane = new NotifyLane({
      ...this.#parts,
      target: () =>
        this.#parts.targets().find((target) => target.url === url) ?? null,
    });
    this.#lanes.set(url, lane);
    return lane;
  }

  /** Receivers that a reload took away. */
  #forgetOthers(): void {
    const urls = new Set(this.#parts.targets().map(({ url }) => url));
    for (const [url, lane] of this.#lanes) {
      if (!urls.has(url) && lane.isIdle) this.#lanes.delete(url);
    }
  }

  #body(id: string, notice: Notice): string {
    const { scope, member } = this.#parts;
    const head = {
      ...{ id, type: notice.event },
      timestamp: new Date(notice.atMs).toISOString(),
      ...{ scope, member, text: notice.text.slice(0, TEXT_LENGTH_MAX) },
    };
    const whole = encodeJson({ ...head, data: notice.data });
    return whole.length <= BODY_LENGTH_MAX
      ? whole
      : encodeJson({ ...head, data: null });
  }
}
