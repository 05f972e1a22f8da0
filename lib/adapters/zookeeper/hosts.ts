/** The servers of the ensemble, and which of them comes next. */
import type { HostPort } from "./options.ts";

/** The servers in the order in which they should be tried. */
export interface HostSource {
  /** @throws {DcsUnreachableError} If nobody tells where they are. */
  hosts(timeoutMs: number): Promise<readonly HostPort[]>;
  /** This one could not be used, so it comes last. */
  leave(host: HostPort): void;
}

/**
 * Servers that the configuration names. All connections of a process go to the
 * same one while it works; processes begin at different ones.
 */
export class HostList implements HostSource {
  #hosts: readonly HostPort[];

  constructor(hosts: readonly HostPort[]) {
    this.#hosts = shuffled(hosts);
  }

  hosts(): Promise<readonly HostPort[]> {
    return Promise.resolve(this.#hosts);
  }

  leave(host: HostPort): void {
    const others = this.#hosts.filter((one) => !isSame(one, host));
    const left = this.#hosts.filter((one) => isSame(one, host));
    this.#hosts = [...others, ...left];
  }

  /** Takes over another list; those that stay keep their order. */
  replace(hosts: readonly HostPort[]): void {
    const isIn = (list: readonly HostPort[], host: HostPort) =>
      list.some((one) => isSame(one, host));
    const kept = this.#hosts.filter((one) => isIn(hosts, one));
    const added = hosts.filter((one) => !isIn(this.#hosts, one));
    this.#hosts = [...kept, ...shuffled(added)];
  }

  get isEmpty(): boolean {
    return this.#hosts.length === 0;
  }
}

/** `host:port`, also for IPv6. */
export function hostText({ host, port }: HostPort): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** In any order. */
export function shuffled<T>(list: readonly T[]): readonly T[] {
  return list.map((one) => ({ one, at: Math.random() }))
    .sort((left, right) => left.at - right.at)
    .map(({ one }) => one);
}

function isSame(left: HostPort, right: HostPort): boolean {
  return left.host === right.host && left.port === right.port;
}
