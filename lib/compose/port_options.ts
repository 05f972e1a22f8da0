/** The further ports of a proxy as its configuration asks for them. */
import type { ProxyConfig } from "../config/sections/proxy.ts";
import type { ProxyPort } from "../config/sections/proxy_ports.ts";
import { sniDoor, sniDoors } from "../config/sections/proxy_tls.ts";
import type { DoorSpec } from "../../proxy/doors.ts";
import type { ProxyOptions } from "../../proxy/options.ts";
import type { TlsCertificate, TlsPort } from "../../proxy/tls_port.ts";

/** Doors, and where TLS ends. */
export function portOptions(
  { connectionsMax, ports }: Pick<ProxyConfig, "ports" | "connectionsMax">,
): Pick<ProxyOptions, "extraDoors" | "tlsPorts"> {
  const entries = [...ports.entries()];
  return {
    extraDoors: entries.flatMap(([at, port]) =>
      doorsFor(at, port, connectionsMax)
    ),
    tlsPorts: entries.flatMap(([at, port]) => tlsPort(at, port)),
  };
}

function doorsFor(
  at: number,
  port: ProxyPort,
  connectionsMax: number,
): readonly DoorSpec[] {
  const { name, rule, balance, certfile } = port;
  const door = {
    ...{ name, rule, balance, port: port.port, setting: `ports[${at}].port` },
    connectionsMax: port.connectionsMax ?? connectionsMax,
  };
  if (certfile === null) return [door];
  const isServerTls = port.serverTls !== "off";
  const secured = { ...door, isTls: true as const, isServerTls };
  return [
    secured,
    ...sniDoors(port).map(({ name, to }) => ({
      ...{ ...secured, name, rule: { ...rule, to } },
    })),
  ];
}

function tlsPort(at: number, port: ProxyPort): readonly TlsPort[] {
  const { certfile, keyfile, name: door, rule, sni } = port;
  if (certfile === null) return [];
  const setting = `ports[${at}]`;
  const usual = { certfile, keyfile, setting };
  const special = sni.map((entry, index): TlsCertificate => ({
    ...(entry.certfile === null ? usual : {
      certfile: entry.certfile,
      keyfile: entry.keyfile,
      setting: `${setting}.sni[${index}]`,
    }),
    names: entry.names,
    door: entry.to === null || entry.to === rule.to
      ? door
      : sniDoor(door, entry.to),
  }));
  const { serverTls: mode, serverCafile: cafile, serverName } = port;
  const server = mode === "off"
    ? null
    : { mode, cafile, name: serverName, setting };
  const first = { ...usual, names: [], door };
  return [{ door, certificates: [first, ...special], server }];
}
