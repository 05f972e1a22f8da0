/** The PROXY protocol in and out, with a real HAProxy on the other side. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import type { ProxyHeaderVersion } from "../../proxy/proxy_header.ts";
import type { SessionRecord } from "../../proxy/session_record.ts";
import { freePort, freePorts } from "../helpers/free_ports.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import {
  echoBackend,
  startupPacket,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { type FrontKind, ProxyRig } from "./proxy_rig.ts";

/** Of this host, and not what HAProxy connects from. */
const CLIENT = "127.0.0.9";
const VERSIONS = ["v1", "v2"] as const;
const FRONTS = ["workers", "portable"] as const;

/** HAProxy with that configuration, until it is disposed of. */
class Haproxy implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;

  private constructor(folder: string, child: Deno.ChildProcess) {
    this.#folder = folder;
    this.#child = child;
  }

  static async start(sections: string): Promise<Haproxy> {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-haproxy-" });
    const path = `${folder}/haproxy.cfg`;
    await Deno.writeTextFile(
      path,
      "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n" +
        ` timeout server 30s\n${sections}`,
    );
    const child = new Deno.Command("haproxy", {
      args: ["-f", path, "-db"],
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    return new Haproxy(folder, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** What a client from that address is told through a port; empty: it was turned away. */
async function asked(port: number, localAddress: string): Promise<string> {
  const socket: Socket = connect({ port, host: "127.0.0.1", localAddress });
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  socket.on("data", (bytes: Uint8Array) => {
    text += new TextDecoder().decode(bytes);
    if (text.includes("\n")) resolve(text);
  });
  socket.on("error", () => resolve(""));
  socket.on("close", () => resolve(text));
  socket.write(startupPacket());
  const said = await promise;
  socket.destroy();
  return said.split("\n")[0] ?? "";
}

async function fromBalancer(
  front: FrontKind,
  version: ProxyHeaderVersion,
): Promise<void> {
  const records: SessionRecord[] = [];
  await using one = echoBackend("one");
  await using rig = await ProxyRig.open({
    ...{ front, acceptProxyFrom: ["127.0.0.1"], allow: [CLIENT] },
    onSession: (record) => records.push(record),
  });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  const port = freePort();
  const how = version === "v1" ? "send-proxy" : "send-proxy-v2";
  await using _balancer = await Haproxy.start(
    `listen b\n bind 127.0.0.1:${port}\n` +
      ` server m 127.0.0.1:${rig.proxy.ports.primary} ${how}\n`,
  );
  const served = () => asked(port, CLIENT);
  let said = "";
  await until("HAProxy leads there", () => {
    served().then((text) => said ||= text);
    return said !== "";
  });
  assert.equal(said, "one");
  await until("the session is told", () => records.length > 0);
  assert.equal(records[0]?.address, CLIENT);
  const denied = (): number => rig.proxy.stats().ports.primary.denied;
  assert.equal(await asked(port, "127.0.0.8"), "", "of a network not allowed");
  assert.equal(denied(), 1);
  // Who comes from the balancer's address says who it is, or goes.
  await using silent = await TestClient.connect(rig.proxy.ports.primary);
  await silent.untilEnd();
  assert.equal(rig.proxy.stats().ports.primary.garbage, 1);
}

async function toBackend(
  front: FrontKind,
  version: ProxyHeaderVersion,
): Promise<void> {
  await using one = echoBackend("one");
  await using rig = await ProxyRig.open({ front, sendProxy: version });
  const [behind = 0] = freePorts(1);
  await using _pooler = await Haproxy.start(
    `frontend f\n bind 127.0.0.1:${behind} accept-proxy\n` +
      ` tcp-request session reject if !{ src ${CLIENT} }\n` +
      ` default_backend b\nbackend b\n server s 127.0.0.1:${one.port}\n`,
  );
  await rig.keys.primary("n1", behind);
  await rig.keys.lead("n1");
  assert.equal(await asked(rig.proxy.ports.primary, CLIENT), "one");
  assert.equal(await asked(rig.proxy.ports.primary, "127.0.0.8"), "");
}

const skipped = skipReason("haproxy", "haproxy");
for (const front of FRONTS) {
  for (const version of VERSIONS) {
    const title = `${version}, ${front}` +
      (skipped === null ? "" : `; skipped: ${skipped}`);
    Deno.test({
      name: `a load balancer says who its clients are (${title})`,
      ignore: skipped !== null,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => fromBalancer(front, version),
    });
    Deno.test({
      name: `a backend is told who its client is (${title})`,
      ignore: skipped !== null,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => toBackend(front, version),
    });
  }
}
