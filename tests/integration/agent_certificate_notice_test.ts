/**
 * A member whose certificate should have been replaced and was not, because who
 * has the authority's key is gone: people are told, by a real agent.
 */
import assert from "node:assert/strict";
import { CertificatesX509 } from "../../lib/adapters/pki/certificates_x509.ts";
import { firstRecord } from "../../lib/setup/authority_record.ts";
import { certificateFile, certificatePathsIn } from "../../lib/setup/layout.ts";
import { updateAuthority } from "../../lib/setup/store_keys.ts";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { Receiver } from "../helpers/receiver.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const DAY_MS = 86_400_000;

unprivileged(import.meta.url, () => {
  Deno.test("a certificate that nobody replaces is told", async () => {
    await using receiver = new Receiver();
    await using cluster = await AgentCluster.create({
      members: 1,
      change: (config, { directory }) => ({
        ...config,
        certificates: { dir: `${directory}.tls` },
        notify: [{ url: receiver.url, events: ["certificate_expiring"] }],
      }),
    });
    const n1 = cluster.member("n1");
    await grow(`${n1.place.directory}.tls`, cluster);
    n1.start();
    await cluster.until(
      "it was told",
      () => Promise.resolve(receiver.got.length > 0),
    );
    const [told] = receiver.got;
    assert.equal(told?.document["type"], "certificate_expiring");
    assert.equal(
      told?.document["text"],
      "The certificate of n1 was not replaced; it counts for 9 days",
    );
    assert.match(n1.log(), /n9 gives no certificate: it is not there now/);
  });
});

/** A certificate of 110 days that is 100 days old; its authority's key is at n9. */
async function grow(dir: string, cluster: AgentCluster): Promise<void> {
  const certificates = new CertificatesX509();
  const validity = {
    nowMs: Date.now() - 100 * DAY_MS,
    lifetimeMs: 110 * DAY_MS,
  };
  const authority = await certificates.makeAuthority("batman", {
    ...validity,
    lifetimeMs: 3_650 * DAY_MS,
  });
  const named = { name: "n1", hosts: ["127.0.0.1"] };
  const { request, key } = await certificates.makeRequest(named);
  const cert = await certificates.sign(request, named, { authority, validity });
  const paths = certificatePathsIn(dir);
  const text = certificateFile({ cert, key, authority: authority.cert });
  await Deno.mkdir(dir, { mode: 0o700 });
  await Deno.writeTextFile(paths.cert, text, { mode: 0o600 });
  await Deno.writeTextFile(paths.trust, authority.cert);
  const hash = (await certificates.read(authority.cert))?.hash ?? "";
  const record = firstRecord({ holder: "n9", hash, cert: authority.cert });
  await cluster.withDcs(async (dcs) => {
    await updateAuthority(dcs, () => ({ value: record, answer: null }));
  });
}
