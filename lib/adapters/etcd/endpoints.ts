/**
 * The endpoints of one etcd cluster, and which of them is in use.
 *
 * The configured ones (resolved anew from time to time) come first and never
 * leave the list; the members that etcd names are further candidates. So a wrong
 * advertised address costs time but never the connection. The endpoint in use
 * stays the same until it fails or leaves the list.
 */
import { usableUrls } from "./discovery.ts";

/** The endpoints of one etcd cluster, and the one in use. */
export class EndpointBook {
  #base: readonly string[];
  #members: readonly string[] = [];
  #list: readonly string[];
  #current: string | null;
  #clusterId: string | null = null;

  /** @param base Known from the start; empty if they must be discovered. */
  constructor(base: readonly string[]) {
    this.#base = base;
    this.#list = base;
    this.#current = base[0] ?? null;
  }

  get list(): readonly string[] {
    return this.#list;
  }

  /** Null: none is known yet. */
  get current(): string | null {
    return this.#current;
  }

  /** The cluster that named this endpoint; null: it is a configured one. */
  namedBy(endpoint: string): string | null {
    return this.#base.includes(endpoint) ? null : this.#clusterId;
  }

  /** Goes on to the endpoint after `endpoint`, if that is the one in use. */
  pass(endpoint: string): void {
    if (this.#current !== endpoint) return;
    const next = (this.#list.indexOf(endpoint) + 1) % this.#list.length;
    this.#current = this.#list[next] ?? null;
  }

  /** The configured endpoints as DNS has them now. */
  setBase(base: readonly string[]): void {
    this.#base = base;
    this.#combine();
  }

  /** The members of the cluster `clusterId`, as it names them. */
  setMembers(urls: readonly string[], clusterId: string): void {
    this.#members = usableUrls(urls, this.#base);
    this.#clusterId = clusterId;
    this.#combine();
  }

  #combine(): void {
    this.#list = [...new Set([...this.#base, ...this.#members])];
    const isListed = this.#current !== null &&
      this.#list.includes(this.#current);
    if (!isListed) this.#current = this.#list[0] ?? null;
  }
}
