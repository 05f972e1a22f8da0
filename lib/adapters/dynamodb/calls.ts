/**
 * Calls of DynamoDB through AWS's SDK, each within its limit. The SDK repeats
 * nothing by itself: who asked knows whether a save may be sent again. Its client
 * keeps the credentials that it has read, so there is a new one when the section
 * has others, and when DynamoDB refused them: then AWS's files are read anew.
 */
import { readFileSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { timerMs } from "../../core/base/units.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import { boundedBody } from "./body.ts";
import { isClockCorrected, isOfCredentials } from "./errors.ts";
import { type DynamoAccess, type DynamoOptions, placeOf } from "./options.ts";

/** Sends one command; `abortSignal` is for the SDK. */
export type Sender<T> = (
  client: DynamoDBClient,
  options: { readonly abortSignal: AbortSignal },
) => Promise<T>;

/** One process's connections; see the head of this file. */
export class DynamoCalls {
  readonly place: string;
  readonly #options: DynamoOptions;
  /** Shared by all clients, so that a new one cuts no call of the old one. */
  readonly #agents: {
    readonly httpAgent: HttpAgent;
    readonly httpsAgent: HttpsAgent;
  };
  readonly #closing = new AbortController();
  #client: DynamoDBClient | null = null;
  /** What the client was made for. */
  #access: string | null = null;

  /** @throws {Error} If the file of authorities cannot be read. */
  constructor(options: DynamoOptions) {
    const { cacert } = options;
    this.place = placeOf(options);
    this.#options = options;
    const keepAlive = true;
    this.#agents = {
      httpAgent: new HttpAgent({ keepAlive }),
      httpsAgent: new HttpsAgent({
        keepAlive,
        ...(cacert === null ? {} : { ca: readFileSync(cacert, "utf8") }),
      }),
    };
  }

  /**
   * One call.
   *
   * @throws {DcsUnreachableError} If there is no answer in time.
   * @throws {Error} Whatever else the SDK throws.
   */
  async send<T>(sender: Sender<T>, { timeoutMs }: DcsLimits): Promise<T> {
    const timeout = AbortSignal.timeout(timerMs(timeoutMs));
    const signal = AbortSignal.any([timeout, this.#closing.signal]);
    const why = () =>
      this.#closing.signal.aborted
        ? "the client is closed"
        : "no answer in time";
    const end = Promise.withResolvers<never>();
    const onAbort = () => {
      const text = `Cannot reach ${this.place}: ${why()}`;
      end.reject(new DcsUnreachableError(text));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      // The SDK does not watch the signal while it looks for credentials.
      return await Promise.race([this.#sendTwice(sender, signal), end.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends all calls. */
  close(): void {
    this.#closing.abort();
    this.#agents.httpAgent.destroy();
    this.#agents.httpsAgent.destroy();
  }

  async #sendTwice<T>(
    sender: Sender<T>,
    abortSignal: AbortSignal,
  ): Promise<T> {
    const client = this.#current();
    try {
      return await sender(client, { abortSignal });
    } catch (error) {
      if (isOfCredentials(error) && this.#client === client) {
        this.#client = null;
      }
      // It has signed with the host's clock; DynamoDB's answer tells the time.
      if (!isClockCorrected(error)) throw error;
      return await sender(client, { abortSignal });
    }
  }

  #current(): DynamoDBClient {
    const access = this.#options.access();
    const text = JSON.stringify(access);
    if (this.#client === null || this.#access !== text) {
      this.#client = this.#made(access);
      this.#access = text;
    }
    return this.#client;
  }

  #made({ profile, keys }: DynamoAccess): DynamoDBClient {
    const { region, endpoint } = this.#options;
    const named = profile === null ? {} : { profile };
    return new DynamoDBClient({
      ...named,
      ...(region === null ? {} : { region }),
      ...(endpoint === null ? {} : { endpoint }),
      credentials: keys === null
        ? defaultProvider({ ...named, ignoreCache: true })
        : {
          accessKeyId: keys.accessKeyId,
          secretAccessKey: keys.secretAccessKey,
          ...(keys.sessionToken === null
            ? {}
            : { sessionToken: keys.sessionToken }),
        },
      maxAttempts: 1,
      requestHandler: this.#agents,
      streamCollector: boundedBody,
    });
  }
}
