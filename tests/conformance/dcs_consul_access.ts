/** A client of Consul for tests, with what most of them do not care about. */
import type {
  ConsulAccess,
  ConsulOptions,
} from "../../lib/adapters/consul/options.ts";
import { RealClock } from "./dcs_clock.ts";

/** Nothing special. */
export const ACCESS: ConsulAccess = {
  token: null,
  dc: null,
  consistency: "default",
  service: {
    isRegistered: false,
    tags: [],
    checkInterval: "5s",
    checkTlsServerName: null,
  },
};

/** What the adapter needs, around the given. */
export function consulOptions(
  given: Partial<ConsulOptions> & Pick<ConsulOptions, "endpoint">,
): ConsulOptions {
  return {
    tls: { cacert: null, cert: null, key: null, isVerified: true },
    access: () => ACCESS,
    checks: [],
    scopePath: "/service/batman",
    holder: "batman-n1",
    member: null,
    clock: new RealClock(),
    ...given,
  };
}
