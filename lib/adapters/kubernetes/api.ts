/**
 * The requests that the port's operations are made of, with the errors of the
 * port. Again is asked only what has surely not been done, or may be done twice,
 * until the limit of the call is over.
 */
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import { encodeJson, type JsonObject } from "../../core/codec/json.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import type {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../ports/errors.ts";
import { Authorizer } from "./authorizer.ts";
import { errorOf, isNotNow, strangerError, transportError } from "./errors.ts";
import type { KubernetesOptions } from "./options.ts";
import { ApiServers, SERVERS_PATH } from "./servers.ts";
import {
  type KubeReply,
  type KubeRequest,
  KubeTransport,
} from "./transport.ts";
import {
  eventOf,
  type Kind,
  type KubeEvent,
  type KubeList,
  type KubeObject,
  Lines,
  listOf,
  objectOf,
  statusOf,
} from "./wire.ts";

const AGAIN_AFTER_MS = 200;
/** A server that has fallen silent takes longer to answer than this. */
const TRY_MS_MIN = 1000;
/** Servers end a watch after that; the next one begins where it was. */
const WATCH_S = 240;
const WATCH_START_MS = 5000;
/** The end of a watch whose connection was cut without a word never comes. */
const WATCH_MS_MAX = (WATCH_S + 10) * 1000;

/** How a change may be sent. */
export type ChangeHow =
  /** It names the version that it was made for, and happens at most once. */
  | "guarded"
  /** Twice is the same as once. */
  | "repeatable"
  /** The same, and rights that are missing may be there in a moment. */
  | "patient";

/** What a change came to. */
export type KubeChange =
  | { readonly kind: "done"; readonly object: KubeObject }
  /** Another version, or there is one already. */
  | { readonly kind: "conflict" }
  | { readonly kind: "missing" };

interface Ask extends Pick<KubeRequest, "method" | "path" | "body"> {
  readonly how: ChangeHow;
}

/** A request, and as whom it is sent. */
type Signed = KubeRequest & {
  readonly login: Awaited<ReturnType<Authorizer["login"]>>;
};

/** An answer, and who asked. */
interface Exchanged extends Pick<Signed, "login"> {
  readonly reply: KubeReply;
}

/** One scope's requests. */
export class KubeApi {
  readonly #options: KubernetesOptions;
  readonly #transport: KubeTransport;
  readonly #authorizer: Authorizer;
  readonly #servers = new ApiServers();
  readonly #closing = new AbortController();

  constructor(options: KubernetesOptions) {
    const { server, tls } = options.credentials;
    this.#options = options;
    this.#transport = new KubeTransport(server, tls);
    this.#authorizer = new Authorizer(options, this.#closing.signal);
  }

  /** The objects of the scope, as the store has them now. */
  async list(kind: Kind, limits: DcsLimits): Promise<KubeList> {
    const path = `${this.#path(kind)}?${this.#selector}`;
    const ask = { method: "GET", path, body: null, how: "repeatable" } as const;
    const reply = await this.#call(ask, limits);
    if (reply.status !== 200) throw this.#error(reply);
    return this.#understood(reply, () => listOf(reply.body));
  }

  /** One object as the store has it now; null: there is none. */
  async get(
    kind: Kind,
    name: string,
    limits: DcsLimits,
  ): Promise<KubeObject | null> {
    const path = this.#path(kind, name);
    const ask = { method: "GET", path, body: null, how: "repeatable" } as const;
    const reply = await this.#call(ask, limits);
    if (reply.status === 404 && statusOf(reply.body) !== null) return null;
    if (reply.status !== 200) throw this.#error(reply);
    return this.#object(reply);
  }

  /** Merges `body` into an object. */
  async patch(
    what: { readonly kind: Kind; readonly name: string },
    change: { readonly body: JsonObject; readonly how: ChangeHow },
    limits: DcsLimits,
  ): Promise<KubeChange> {
    const path = this.#path(what.kind, what.name);
    const body = encodeJson(change.body);
    const ask = { method: "PATCH", path, body, how: change.how } as const;
    const reply = await this.#call(ask, limits);
    switch (reply.status) {
      case 200:
        return { kind: "done", object: this.#object(reply) };
      case 409:
        return { kind: "conflict" };
      case 404:
        if (statusOf(reply.body) !== null) return { kind: "missing" };
        throw this.#error(reply);
      default:
        throw this.#error(reply);
    }
  }

  /** Makes an object. */
  async create(
    kind: Kind,
    body: JsonObject,
    limits: DcsLimits,
  ): Promise<Exclude<KubeChange, { readonly kind: "missing" }>> {
    const reply = await this.#call({
      ...{ method: "POST", path: this.#path(kind) },
      ...{ body: encodeJson(body), how: "guarded" },
    }, limits);
    if (reply.status === 409) return { kind: "conflict" };
    if (reply.status !== 201) throw this.#error(reply);
    return { kind: "done", object: this.#object(reply) };
  }

  /** Removes an object, if it is there. */
  async remove(kind: Kind, name: string, limits: DcsLimits): Promise<void> {
    const path = this.#path(kind, name);
    const ask = { method: "DELETE", path, body: null } as const;
    const reply = await this.#call({ ...ask, how: "repeatable" }, limits);
    const isGone = reply.status === 404 && statusOf(reply.body) !== null;
    if (!isGone && reply.status !== 200 && reply.status !== 202) {
      throw this.#error(reply);
    }
  }

  /**
   * Tells what happens to the objects of the scope after a version.
   *
   * @returns Why it ended: so far all was told, or something was missed.
   */
  async watch(
    what: { readonly kind: Kind; readonly since: bigint },
    tell: (event: KubeEvent) => void,
    signal: AbortSignal,
  ): Promise<"ended" | "too_old"> {
    const words = `${this.#selector}&watch=1&allowWatchBookmarks=true` +
      `&resourceVersion=${what.since}&timeoutSeconds=${WATCH_S}`;
    const path = `${this.#path(what.kind)}?${words}`;
    const deadline = after(this.#options.clock.now(), WATCH_START_MS);
    const request = await this.#request({
      ...{ method: "GET", path, body: null, how: "guarded" },
    }, deadline);
    const lines = new Lines();
    let end: "ended" | "too_old" = "ended";
    const closing = AbortSignal.any([
      signal,
      this.#closing.signal,
      AbortSignal.timeout(WATCH_MS_MAX),
    ]);
    const limits = { timeoutMs: WATCH_START_MS, closing };
    const reply = await this.#transport.stream(request, limits, (text) => {
      for (const line of lines.add(text)) {
        const event = eventOf(line);
        if (event.kind === "failed") throw new Error(event.why);
        if (event.kind === "too_old") end = "too_old";
        else tell(event);
      }
    });
    if (reply === null) return end;
    if (reply.status === 410) return "too_old";
    if (reply.status === 401) this.#authorizer.refused(request.login);
    throw this.#error(reply);
  }

  /** Ends what is on its way; later calls fail. */
  close(): void {
    this.#closing.abort();
    this.#transport.close();
  }

  get #selector(): string {
    const words = Object.entries(this.#options.layout.labels)
      .map(([name, value]) => `${name}=${value}`);
    return `labelSelector=${encodeURIComponent(words.join(","))}`;
  }

  #path(kind: Kind, name?: string): string {
    const namespace = encodeURIComponent(this.#options.layout.namespace);
    const end = name === undefined ? "" : `/${encodeURIComponent(name)}`;
    return `/api/v1/namespaces/${namespace}/${kind}${end}`;
  }

  async #call(ask: Ask, { timeoutMs }: DcsLimits): Promise<KubeReply> {
    const { clock } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    this.#lookForServers(timeoutMs);
    for (;;) {
      const { reply, login } = await this.#exchange(ask, deadline);
      const isKeyNew = reply.status === 401 &&
        this.#authorizer.refused(login);
      if (isKeyNew) continue;
      const pauseMs = Math.max(AGAIN_AFTER_MS, reply.retryAfterMs ?? 0);
      const leftMs = remainingMs(deadline, clock.now());
      if (!this.#isAgain(ask, reply) || leftMs <= pauseMs) return reply;
      await clock.sleep(pauseMs, this.#closing.signal);
    }
  }

  /** A guarded change is sent again only if nobody can have done it. */
  #isAgain({ how }: Ask, reply: KubeReply): boolean {
    const { retriableCodes } = this.#options.tunables();
    const { status } = reply;
    if (how === "patient" && status === 403) return true;
    const isUndone = status < 500 || how !== "guarded";
    return isUndone && isNotNow(reply, retriableCodes);
  }

  /** One exchange; with several servers, or over a kept connection, another one. */
  async #exchange(ask: Ask, deadline: Moment): Promise<Exchanged> {
    const { clock } = this.#options;
    const closing = this.#closing.signal;
    let triesLeft = ask.how === "guarded"
      ? 1
      : Math.max(2, this.#servers.count);
    for (;;) {
      const { current } = this.#servers;
      const shares = Math.min(triesLeft, this.#servers.count);
      triesLeft -= 1;
      try {
        const request = await this.#request(ask, deadline);
        const { login } = request;
        const leftMs = remainingMs(deadline, clock.now());
        const share = Math.max(TRY_MS_MIN, leftMs / shares);
        const limits = { timeoutMs: Math.min(leftMs, share), closing };
        const reply = await this.#transport.exchange(request, limits);
        return { reply, login };
      } catch (error) {
        this.#servers.failed(current);
        const isOver = remainingMs(deadline, clock.now()) <= 0;
        if (triesLeft > 0 && !isOver && !closing.aborted) continue;
        throw transportError(error, this.#transport.name);
      }
    }
  }

  /** @param deadline Until then a login program may keep the request waiting. */
  async #request(
    { how, ...ask }: Ask,
    deadline: Moment,
  ): Promise<Signed> {
    const leftMs = remainingMs(deadline, this.#options.clock.now());
    return {
      ...ask,
      login: await this.#authorizer.login(leftMs),
      address: this.#servers.current,
      isRepeatable: how !== "guarded",
    };
  }

  /** Nobody waits for it: until it is known, the Service is asked. */
  #lookForServers(timeoutMs: number): void {
    if (!this.#options.isServiceBypassed) return;
    const now = this.#options.clock.now();
    if (this.#servers.isLookDue(now)) void this.#findServers(timeoutMs);
  }

  async #findServers(timeoutMs: number): Promise<void> {
    const { clock, member } = this.#options;
    const path = SERVERS_PATH;
    const ask = { method: "GET", path, body: null, how: "repeatable" } as const;
    try {
      const deadline = after(clock.now(), timeoutMs);
      const { reply } = await this.#exchange(ask, deadline);
      if (reply.status === 200) {
        this.#servers.found(this.#object(reply).subsets);
      }
      if (reply.status !== 403) return;
      this.#servers.forbidden();
      member?.warn(
        "bypass_api_service is off: this account may not get the Endpoints " +
          "kubernetes of the namespace default",
      );
    } catch {
      // Calls report what is wrong with the API; here the next look follows.
    }
  }

  #error(reply: KubeReply): DcsRefusedError | DcsUnreachableError {
    const { retriableCodes } = this.#options.tunables();
    return errorOf(reply, this.#transport.name, retriableCodes);
  }

  #object(reply: KubeReply): KubeObject {
    return this.#understood(reply, () => objectOf(JSON.parse(reply.body)));
  }

  #understood<T>(reply: KubeReply, read: () => T): T {
    try {
      return read();
    } catch {
      throw strangerError(reply, this.#transport.name);
    }
  }
}
