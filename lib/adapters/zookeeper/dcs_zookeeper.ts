/**
 * Port Dcs on ZooKeeper: puts its parts together. The stored nodes are those of
 * Patroni's layout, so that both can work on one scope.
 *
 * Two sessions: one for reads, watches and writes that nothing hangs on, kept
 * alive in the background; and the lease's, which only a renewal keeps alive.
 */
import type { SessionId } from "../../core/base/units.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../ports/dcs.ts";
import { Dialer } from "./dialer.ts";
import { ExhibitorHosts } from "./exhibitor.ts";
import { HostList, type HostSource } from "./hosts.ts";
import { LeaseSessions } from "./lease_sessions.ts";
import { MainLink } from "./main_link.ts";
import { OPEN_ACL } from "./messages.ts";
import type { ZookeeperOptions } from "./options.ts";
import { ScopeReader } from "./reader.ts";
import { TlsFiles } from "./tls.ts";
import { entriesOf, type StoredScope } from "./tree.ts";
import { ScopeWatcher } from "./watcher.ts";
import { ScopeWriter } from "./writer.ts";

const CAPABILITIES: DcsCapabilities = {
  hasTransactions: true,
  mayForget: false,
  isSnapshotAtomic: true,
  expiry: "store",
  // Two ticks of the length that ZooKeeper's servers have by default.
  ttlMinMs: 4000,
};

/** The store on ZooKeeper. */
export class DcsZookeeper implements Dcs {
  readonly capabilities: DcsCapabilities = CAPABILITIES;
  readonly #dialer: Dialer;
  readonly #link: MainLink;
  readonly #leases: LeaseSessions;
  readonly #reader: ScopeReader;
  readonly #writer: ScopeWriter;
  readonly #watcher: ScopeWatcher;

  /** @throws {Error} If a TLS file cannot be read. */
  constructor(options: ZookeeperOptions) {
    const { clock, credentials, scopePath, tls } = options;
    const dialer = new Dialer({
      source: sourceOf(options),
      tls: tls === null ? null : new TlsFiles(tls),
      ...{ clock, credentials },
    });
    const onEvent = (path: string): void => this.#watcher.onEvent(path);
    const link = new MainLink({ dialer, credentials, onEvent });
    const connect = (limits: DcsLimits) => link.connection(limits);
    const leases = new LeaseSessions({ dialer, clock });
    const reader = new ScopeReader({ connect, clock, scopePath });
    const acl = options.acl.length === 0 ? OPEN_ACL : options.acl;
    this.#dialer = dialer;
    this.#link = link;
    this.#leases = leases;
    this.#reader = reader;
    this.#watcher = new ScopeWatcher({ reader, connect, clock, scopePath });
    this.#writer = new ScopeWriter({
      ...{ reader, link, leases, clock, acl, scopePath },
    });
  }

  async read(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#shown(await this.#reader.current(limits));
  }

  async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#shown(await this.#reader.fresh(limits));
  }

  async write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    return await this.#writer.write(write, limits);
  }

  async removeScope(limits: DcsLimits): Promise<void> {
    await this.#writer.removeScope(limits);
  }

  async openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    return await this.#leases.open(ttlMs, limits);
  }

  async renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    return await this.#leases.renew(id, limits);
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#watcher.add(listener, signal);
  }

  async close(): Promise<void> {
    const closed = this.#watcher.close();
    this.#link.close();
    this.#dialer.close();
    await closed;
  }

  #shown(scope: StoredScope): DcsSnapshot {
    return { entries: entriesOf(scope, this.#leases.held) };
  }
}

function sourceOf({ ensemble, clock }: ZookeeperOptions): HostSource {
  switch (ensemble.kind) {
    case "listed":
      return new HostList(ensemble.hosts);
    case "exhibitor": {
      const { hosts, pollMs } = ensemble;
      return new ExhibitorHosts({ hosts, pollMs, clock });
    }
  }
}
