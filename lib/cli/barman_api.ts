/**
 * Talks with pg-backup-api, which carries out Barman's operations on Barman's
 * host: one operation is created, then its state is asked for until it ended.
 *
 * A call that asks is repeated. One that creates is repeated only if an answer
 * says that nothing was created: two recoveries into one directory at a time
 * would spoil it.
 *
 * Source: documentation of pg-backup-api 2, "operations"; Patroni 4.1
 * documentation, "patroni.scripts.barman.utils".
 */
import {
  type ConfigMap,
  isConfigMap,
} from "../core/calc/documents/config_merge.ts";
import type { CliContext, HttpReply, TlsSettings } from "./context.ts";
import { messageOf } from "./errors.ts";
import { withoutTrailing } from "../core/base/trailing.ts";

/** Where it is and how patient the caller is. */
interface BarmanTarget {
  /** Base, with or without a slash at its end. */
  readonly url: string;
  readonly tls: TlsSettings;
  readonly retryWaitMs: number;
  /** Calls at most for one question. */
  readonly attemptsMax: number;
}

/** Writes one line of the command's log. */
export type BarmanLog = (
  level: "INFO" | "WARNING" | "ERROR",
  message: string,
) => Promise<void>;

/** What became of an operation. */
export type OperationStatus = "IN_PROGRESS" | "DONE" | "FAILED";

/** No usable answer came, however often it was tried. */
export class BarmanHttpError extends Error {
  override readonly name: string = "BarmanHttpError";
}

/** pg-backup-api says of itself that it does not work, or nothing at all. */
export class BarmanNotOkError extends Error {
  override readonly name: string = "BarmanNotOkError";
}

const TIMEOUT_MS = 60_000;

/** One pg-backup-api. */
export class BarmanApi {
  readonly #context: CliContext;
  readonly #target: BarmanTarget;
  readonly #log: BarmanLog;

  constructor(context: CliContext, target: BarmanTarget, log: BarmanLog) {
    this.#context = context;
    this.#target = target;
    this.#log = log;
  }

  /** @throws {BarmanNotOkError} If it does not say "OK". */
  async check(): Promise<void> {
    const seen = await this.#send("status", null).then(
      ({ status, body }) => status === 200 ? plain(body) : `status ${status}`,
      messageOf,
    );
    if (seen === "OK") return;
    throw new BarmanNotOkError(
      `pg-backup-api at ${this.#target.url} is not up and running: ${seen}`,
    );
  }

  /**
   * Starts an operation.
   *
   * @returns Its ID.
   * @throws {BarmanHttpError} If it may not have been created.
   */
  create(server: string, operation: ConfigMap): Promise<string> {
    const path = `servers/${encodeURIComponent(server)}/operations`;
    return this.#repeated("create the operation", async () => {
      const reply = await this.#send(path, JSON.stringify(operation))
        .catch((error) => {
          throw new BarmanHttpError(
            `No answer on whether the operation was created: ${
              messageOf(error)
            }`,
          );
        });
      return fieldOf(reply, "operation_id");
    });
  }

  /**
   * How far an operation is.
   *
   * @throws {BarmanHttpError} If that cannot be found out.
   */
  status(server: string, id: string): Promise<OperationStatus> {
    const path = `servers/${encodeURIComponent(server)}/operations/${
      encodeURIComponent(id)
    }`;
    return this.#repeated("ask for the operation's status", async () => {
      const text = fieldOf(await this.#send(path, null), "status");
      if (text === "IN_PROGRESS" || text === "DONE" || text === "FAILED") {
        return text;
      }
      throw new Error(`unknown status "${text}"`);
    });
  }

  async #repeated<T>(what: string, call: () => Promise<T>): Promise<T> {
    const { attemptsMax, retryWaitMs } = this.#target;
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (attempt > 1) await this.#context.clock.sleep(retryWaitMs);
      try {
        return await call();
      } catch (error) {
        if (error instanceof BarmanHttpError) throw error;
        await this.#log(
          "WARNING",
          `Attempt ${attempt} of ${attemptsMax} to ${what} failed: ${
            messageOf(error)
          }`,
        );
      }
    }
    throw new BarmanHttpError(`Cannot ${what}: maximum of retries exceeded`);
  }

  async #send(path: string, body: string | null): Promise<HttpReply> {
    const { url, tls } = this.#target;
    return await this.#context.send({
      method: body === null ? "GET" : "POST",
      url: `${withoutTrailing(url, "/")}/${path}`,
      headers: body === null ? {} : { "content-type": "application/json" },
      ...{ body, tls, timeoutMs: TIMEOUT_MS },
    });
  }
}

/** The text that JSON holds, or the body as it is. */
function plain(body: string): string {
  return body.trim().replace(/^"(.*)"$/, "$1");
}

/** A text of an answer that is as it should be. */
function fieldOf({ status, body }: HttpReply, name: string): string {
  if (status < 200 || status > 299) {
    throw new Error(`status ${status}: ${body.trim().slice(0, 300)}`);
  }
  const document: unknown = JSON.parse(body);
  const value = isConfigMap(document) ? document[name] : undefined;
  if (typeof value === "string" && value !== "") return value;
  throw new Error(`the answer has no ${name}: ${body.trim().slice(0, 300)}`);
}
