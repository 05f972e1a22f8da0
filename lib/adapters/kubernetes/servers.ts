/**
 * The addresses of the API servers, for `bypass_api_service`: the Service in
 * front of them may go on sending connections to one that is gone. They stand in
 * the Endpoints `kubernetes` of the namespace `default`.
 */
import { asObject } from "../../core/codec/json.ts";
import { after, type Moment, moment } from "../../core/base/units.ts";
import type { KubeAddress } from "./transport.ts";

/** Where they are told. */
export const SERVERS_PATH = "/api/v1/namespaces/default/endpoints/kubernetes";

const LOOK_EVERY_MS = 10_000;

/** Knows them, and which is asked now. */
export class ApiServers {
  #addresses: readonly KubeAddress[] = [];
  #at = 0;
  #lookAt: Moment = moment(0);

  /** Null: the Service is asked. */
  get current(): KubeAddress | null {
    return this.#addresses[this.#at] ?? null;
  }

  /** With the Service, which is asked when they have all failed. */
  get count(): number {
    return this.#addresses.length + 1;
  }

  /** Whether it is time to ask who there is; the caller then does. */
  isLookDue(now: Moment): boolean {
    if (now < this.#lookAt) return false;
    this.#lookAt = after(now, LOOK_EVERY_MS);
    return true;
  }

  /** The one that is asked now has failed. */
  failed(address: KubeAddress | null): void {
    if (address !== this.current) return;
    this.#at = (this.#at + 1) % this.count;
  }

  /** These are all. */
  found(subsets: string): void {
    const now = this.current;
    const addresses = addressesOf(subsets);
    if (addresses.length === 0) return;
    const stays = addresses.findIndex((one) =>
      one.host === now?.host && one.port === now.port
    );
    this.#addresses = addresses;
    // Each process begins with another one.
    this.#at = stays >= 0
      ? stays
      : Math.floor(Math.random() * addresses.length);
  }

  /** Nobody may know them: the Service is asked from now on. */
  forbidden(): void {
    this.#addresses = [];
    this.#at = 0;
    this.#lookAt = moment(Infinity);
  }
}

/** The addresses in the `subsets` of Endpoints, with the port `https`. */
export function addressesOf(subsets: string): readonly KubeAddress[] {
  const parsed: unknown = JSON.parse(subsets);
  return listOf(parsed).flatMap((subset) => {
    const ports = listOf(subset?.["ports"]);
    const port = Number(
      (ports.find((one) => one?.["name"] === "https") ?? ports[0])?.["port"],
    );
    if (!Number.isInteger(port)) return [];
    return listOf(subset?.["addresses"]).flatMap((address) => {
      const host = address?.["ip"];
      return typeof host === "string" ? [{ host, port }] : [];
    });
  });
}

function listOf(value: unknown): readonly ReturnType<typeof asObject>[] {
  return Array.isArray(value) ? value.map(asObject) : [];
}
