/** A stand-alone proxy that ends TLS, at SIGHUP: new certificates, no session ends, no client is refused. */
import assert from "node:assert/strict";
import { selfSigned } from "../helpers/certificates.ts";
import { freePort } from "../helpers/free_ports.ts";
import { echoBackend, until } from "../helpers/tcp.ts";
import { Visitors } from "../helpers/visitors.ts";
import { TlsTestClient } from "../helpers/tls_client.ts";
import { isOpen, ProxyHost } from "./proxy_host.ts";

Deno.test("a reload renews certificates, and no client of TLS notices", async () => {
  await using backend = echoBackend("one");
  await using host = new ProxyHost();
  await host.keys.primary("n1", backend.port);
  await host.keys.lead("n1");
  const [port, other] = [freePort(), freePort()];
  const certfile = `${host.folder}/server.pem`;
  const issue = async (name: string): Promise<void> => {
    const { cert, key } = await selfSigned(name);
    await Deno.writeTextFile(certfile, cert + key);
  };
  await issue("first");
  const tls = { port, to: "leader", name: "tls", certfile };
  host.configure({ data_plane: "workers", ports: [tls] });
  const child = await host.start();
  await until("it listens", () => isOpen(port), () => host.log);
  await using old = await TlsTestClient.connect(port);
  await old.untilText("one\n");
  assert.equal(old.seen, "first");
  const visitor = new Visitors(() => TlsTestClient.connect(port), 1);
  await visitor.more(10);

  await issue("second");
  const more = { port: other, to: "leader", name: "more" };
  host.configure({ data_plane: "workers", ports: [tls, more] });
  child.kill("SIGHUP");
  await host.untilSaid(/The configuration is reloaded/);
  await visitor.more(10);
  await using next = await TlsTestClient.connect(port);
  await next.untilText("one\n");
  assert.equal(next.seen, "second");
  old.send("still here");
  await old.untilText("still here");

  const missing = { ...tls, certfile: `${host.folder}/none.pem` };
  host.configure({ data_plane: "workers", ports: [missing] });
  child.kill("SIGHUP");
  await host.untilSaid(
    /not reloaded, the one before stays in force: Cannot use .*none\.pem \(proxy\.ports\[0\]\.certfile\): No such file/,
  );
  await visitor.more(10);
  await visitor.end();
  old.send("and here");
  await old.untilText("and here");
});
