/** Names of etcd hosts and services, as DNS knows them now. */
import { lookup, Resolver } from "node:dns/promises";

/** One SRV record. */
export interface Service {
  readonly host: string;
  readonly port: number;
}

/** What discovery asks DNS. */
export interface EtcdResolver {
  /** IP addresses of a host. @throws {Error} If it has none. */
  addresses(host: string): Promise<readonly string[]>;
  /** SRV records of a name in their order of use; none: empty. */
  services(name: string): Promise<readonly Service[]>;
}

/** "There is nothing of that name", as against "nobody answers". */
const ABSENT_CODES = ["ENOTFOUND", "ENODATA"];

/** The host's own resolver; `servers` (`ip:port`) instead of the host's for SRV. */
export class SystemResolver implements EtcdResolver {
  readonly #services = new Resolver({ timeout: 1000, tries: 2 });

  constructor(servers: readonly string[] = []) {
    if (servers.length > 0) this.#services.setServers([...servers]);
  }

  async addresses(host: string): Promise<readonly string[]> {
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => address);
  }

  async services(name: string): Promise<readonly Service[]> {
    try {
      const records = await this.#services.resolveSrv(name);
      return records
        .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
        .map((record) => ({
          host: record.name.replace(/\.$/, ""),
          port: record.port,
        }));
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    ABSENT_CODES.some((code) => code === error.code);
}
