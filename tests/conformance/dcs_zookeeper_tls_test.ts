/** TLS to a real ZooKeeper: certificates of both sides, and rights by them. */
import assert from "node:assert/strict";
import {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../lib/ports/errors.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { certificate, type KeyPair } from "./dcs_etcd_access.ts";
import {
  throughSection,
  withServer,
  zookeeperTest,
} from "./dcs_zookeeper_access.ts";
import {
  contents,
  guardedPut,
  isRefused,
  LIMITS,
  put,
  TTL_MS,
} from "./dcs_fixture.ts";

interface Files {
  readonly folder: string;
  readonly ca: KeyPair;
  readonly stranger: KeyPair;
  readonly client: KeyPair;
  readonly other: KeyPair;
  /** Certificate and key in one file. */
  readonly both: string;
  /** The client's key, with the passphrase `secret`. */
  readonly locked: string;
}

async function withFiles(use: (files: Files) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
  try {
    const ca = await certificate(folder, "ca", null);
    const stranger = await certificate(folder, "stranger", null);
    const client = await certificate(folder, "client", ca);
    const other = await certificate(folder, "other", ca);
    const both = `${folder}/both.pem`;
    const texts = [client.cert, client.key].map(Deno.readTextFileSync);
    await Deno.writeTextFile(both, texts.join(""));
    const locked = `${folder}/locked.key`;
    const { success } = await new Deno.Command("openssl", {
      args: [
        ...["pkcs8", "-topk8", "-v2", "aes256", "-passout", "pass:secret"],
        ...["-in", client.key, "-out", locked],
      ],
    }).output();
    assert.ok(success);
    await use({ folder, ca, stranger, client, other, both, locked });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A server that wants a certificate from its clients. */
async function withTls(
  use: (port: number, plainPort: number, files: Files) => Promise<void>,
): Promise<void> {
  await withFiles(async (files) => {
    const { folder, ca } = files;
    const pair = await certificate(folder, "server", ca);
    const keyStore = `${folder}/both-server.pem`;
    const texts = [pair.key, pair.cert].map(Deno.readTextFileSync);
    await Deno.writeTextFile(keyStore, texts.join(""));
    const [port = 0] = freePorts(1);
    const auth = "org.apache.zookeeper.server.auth.X509AuthenticationProvider";
    const factory = "org.apache.zookeeper.server.NettyServerCnxnFactory";
    const lines = [
      `serverCnxnFactory=${factory}`,
      `secureClientPort=${port}`,
      "secureClientPortAddress=127.0.0.1",
      `ssl.keyStore.location=${keyStore}`,
      `ssl.trustStore.location=${ca.cert}`,
      "ssl.clientAuth=need",
      `authProvider.x509=${auth}`,
    ];
    await withServer(
      { lines },
      (server) => use(port, server.port, files),
    );
  });
}

zookeeperTest(
  "certificates of the section open it, others do not",
  () =>
    withTls(async (port, plainPort, files) => {
      const { ca, stranger, client, both, locked } = files;
      const own = { cert: client.cert, key: client.key };
      const hosts = [`127.0.0.1:${port}`];
      const withKey = (more: object) => ({ hosts, use_ssl: true, ...more });
      for (
        const section of [
          withKey({ cacert: ca.cert, ...own }),
          withKey({ cacert: ca.cert, cert: both }),
          withKey({ verify: false, ...own }),
          withKey({
            ...{ cacert: ca.cert, cert: client.cert },
            ...{ key: locked, key_password: "secret" },
          }),
          // Another name than the certificate's, which nobody looks at.
          {
            ...withKey({ verify: false, ...own }),
            hosts: [`localhost:${port}`],
          },
        ]
      ) {
        const text = JSON.stringify(section);
        await throughSection({ zookeeper: section }, async (dcs) => {
          await put(dcs, "config", text);
          const { id: session } = await dcs.openSession(TTL_MS, LIMITS);
          assert.equal(await dcs.renewSession(session, LIMITS), "alive");
          await guardedPut(dcs, "leader", {
            ...{ value: "n1", guard: { kind: "none" }, session },
          });
          assert.equal((await contents(dcs))["config"], text);
          await dcs.removeScope(LIMITS);
        });
      }
      const limits = { timeoutMs: 1500 };
      for (
        const [section, text] of [
          [withKey(own), /certificate|issuer/i],
          [withKey({ cacert: stranger.cert, ...own }), /certificate|issuer/i],
          [{
            ...withKey({ cacert: ca.cert, ...own }),
            hosts: `localhost:${port}`,
          }, /certificate/i],
          [withKey({ cacert: ca.cert }), /Cannot reach ZooKeeper/],
          [
            withKey({
              cacert: ca.cert,
              ...own,
              hosts: `127.0.0.1:${plainPort}`,
            }),
            /Cannot reach ZooKeeper/,
          ],
          [{ hosts }, /Cannot reach ZooKeeper/],
        ] as const
      ) {
        await throughSection({ zookeeper: section }, async (dcs) => {
          const call = dcs.readFresh(limits);
          await isRefused(call, text, DcsUnreachableError);
        });
      }
      // The files are read again for each connection.
      const moved = { cert: `${both}.new`, key: client.key };
      await Deno.copyFile(client.cert, moved.cert);
      const section = withKey({ cacert: ca.cert, ...moved });
      await throughSection({ zookeeper: section }, async (dcs) => {
        const { id: session } = await dcs.openSession(30_000, LIMITS);
        await Deno.writeTextFile(moved.cert, "no certificate any more");
        assert.equal(
          await dcs.renewSession(session, limits).catch(() => "refused"),
          "refused",
        );
        await Deno.copyFile(client.cert, moved.cert);
        assert.equal(await dcs.renewSession(session, LIMITS), "alive");
      });
    }),
);

zookeeperTest(
  "set_acls gives nodes to the certificates that it names",
  () =>
    withTls(async (port, _, { ca, client, other }) => {
      const section = (pair: KeyPair) => ({
        zookeeper: {
          ...{ hosts: `127.0.0.1:${port}`, use_ssl: true, cacert: ca.cert },
          ...{ cert: pair.cert, key: pair.key },
          set_acls: { "CN=client": ["all"] },
        },
      });
      await throughSection(section(client), async (dcs) => {
        await put(dcs, "members/n1", "{}");
        assert.deepEqual(await contents(dcs), { "members/n1": "{}" });
      });
      await throughSection(section(other), async (dcs) => {
        await isRefused(
          dcs.readFresh(LIMITS),
          /does not allow a read of .*client certificate/,
          DcsRefusedError,
        );
      });
    }),
);
