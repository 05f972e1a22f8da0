/**
 * The certificates of a host without an agent: its proxy looks after them, under
 * the configuration of now.
 */
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { ProxyProgram } from "./proxy_program.ts";

/** What it works with. */
interface CertificateParts {
  readonly openDcs: ProxyProgram["openDcs"];
  readonly clock: Clock;
  readonly log: Log;
  /** The files have changed. */
  readonly onChange: () => void;
}

/** Does nothing where the configuration names no certificates of the cluster's own. */
export class ProxyCertificates {
  readonly #parts: CertificateParts;
  #ending = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: CertificateParts) {
    this.#parts = parts;
  }

  /** Begins, or goes on under another configuration. */
  begin(config: ProxyHostConfig): void {
    this.#ending.abort();
    this.#ending = new AbortController();
    const { signal } = this.#ending;
    const next = this.#keep(config, signal).catch((error) => {
      this.#parts.log.error(`Cannot take care of the certificates: ${error}`);
    });
    this.#running = Promise.all([this.#running, next]).then(() => {});
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  /** Only who needs it loads what makes certificates. */
  async #keep(config: ProxyHostConfig, signal: AbortSignal): Promise<void> {
    const { openDcs, ...parts } = this.#parts;
    const { dcs: store, namespace, scope } = config;
    // The host's desk is asked through the store.
    if (config.keeping === null || store === null) return;
    const { witnessKeeper } = await import("./desk.ts");
    const target = { config: store, namespace, scope, group: null };
    const dcs = await openDcs(target);
    try {
      await witnessKeeper({ config, dcs, ...parts })?.run(signal);
    } finally {
      await dcs.close();
    }
  }
}
