/**
 * Lets gRPC speak TLS with an endpoint that is named by its IP address.
 *
 * gRPC passes the address as TLS server name (SNI). RFC 6066 forbids that; Node
 * tolerates it, Deno refuses to connect. The certificate is checked against the
 * address in any case, so the server name is simply left out. There is no option
 * for this in etcd3 1.1.2 and grpc-js 1.14, which is why it reaches inside; the
 * conformance test over TLS uses an address and fails if their inside changes.
 */
import { isIP } from "node:net";
import type { Etcd3 } from "etcd3";

const CONNECTOR = "_createSecureConnector";

/**
 * @throws {Error} If the library is built differently than expected.
 */
export function allowTlsByAddress(etcd: Etcd3): void {
  const hosts = inner(inner(etcd, "pool"), "hosts");
  const host = Array.isArray(hosts) ? hosts[0] : undefined;
  const credentials = inner(host, "channelCredentials");
  const create = inner(credentials, CONNECTOR);
  if (!isObject(credentials) || typeof create !== "function") {
    throw new Error("this version of etcd3 cannot use TLS by IP address");
  }
  Reflect.set(credentials, CONNECTOR, (...args: readonly unknown[]) => {
    const connector: unknown = Reflect.apply(create, credentials, args);
    const options = inner(connector, "connectionOptions");
    const name = inner(options, "servername");
    if (isObject(options) && typeof name === "string" && isIP(name) !== 0) {
      Reflect.deleteProperty(options, "servername");
    }
    return connector;
  });
}

function inner(value: unknown, name: string): unknown {
  return isObject(value) ? Reflect.get(value, name) : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
