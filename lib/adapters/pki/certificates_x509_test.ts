/** The authority's certificates, read by Node's own reader and by TLS. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { CertificatesX509 } from "./certificates_x509.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse("2026-11-29T12:00:00Z");
const validity = { nowMs: NOW_MS, lifetimeMs: 90 * DAY_MS };
const pki = new CertificatesX509();

Deno.test("a member's certificate is the authority's, for its names alone", async () => {
  const authority = await pki.makeAuthority("main", {
    ...validity,
    lifetimeMs: 3650 * DAY_MS,
  });
  const named = { name: "db1", hosts: ["10.0.0.11", "fd00::1", "db1"] };
  const { request, key } = await pki.makeRequest(named);
  const asked = await pki.readRequest(request);
  assert.equal(asked?.name, "db1");
  assert.match(asked.keyHash, /^[0-9a-f]{64}$/);
  const cert = await pki.sign(request, named, { authority, validity });

  const read = new X509Certificate(cert);
  const issuer = new X509Certificate(authority.cert);
  assert.ok(read.verify(issuer.publicKey));
  assert.ok(read.checkIssued(issuer));
  assert.ok(issuer.ca && !read.ca);
  assert.equal(read.checkIP("10.0.0.11"), "10.0.0.11");
  assert.equal(read.checkIP("10.0.0.12"), undefined);
  assert.equal(read.checkHost("db1"), "db1");
  assert.ok(
    read.checkPrivateKey((await import("node:crypto")).createPrivateKey(key)),
  );
  assert.ok(await pki.isSignedBy(cert, authority.cert));

  const facts = await pki.read(cert);
  assert.equal(facts?.name, "db1");
  assert.equal(facts.notAfterMs, NOW_MS + 90 * DAY_MS);
  assert.equal(facts.notBeforeMs, NOW_MS - 3_600_000);
  assert.equal(
    facts.hash,
    read.fingerprint256.replaceAll(":", "").toLowerCase(),
  );
});

Deno.test("another authority of the same name is another one", async () => {
  const [one, other] = await Promise.all(
    [0, 1].map(() => pki.makeAuthority("main", validity)),
  );
  assert.ok(one !== undefined && other !== undefined);
  const named = { name: "db1", hosts: [] };
  const { request } = await pki.makeRequest(named);
  const cert = await pki.sign(request, named, { authority: one, validity });
  assert.ok(await pki.isSignedBy(cert, one.cert));
  assert.ok(!await pki.isSignedBy(cert, other.cert));
});

Deno.test("name and hosts are those that the signer gives", async () => {
  const authority = await pki.makeAuthority("main", validity);
  const { request } = await pki.makeRequest({ name: "evil", hosts: ["db1"] });
  const named = { name: "db2", hosts: ["10.0.0.12"] };
  const cert = await pki.sign(request, named, { authority, validity });
  const facts = await pki.read(cert);
  assert.equal(facts?.name, "db2");
  assert.deepEqual(facts.hosts, ["10.0.0.12"]);
  for (const name of ["", "a,O=x", 'd "b"', "db=1", "x".repeat(65)]) {
    await assert.rejects(
      pki.sign(request, { name, hosts: [] }, { authority, validity }),
      /No certificate can be made out/,
    );
  }
});

Deno.test("what is no request, or was changed on its way, is none", async () => {
  const { request } = await pki.makeRequest({ name: "db1", hosts: [] });
  const middle = Math.floor(request.length / 2);
  const other = request[middle] === "A" ? "B" : "A";
  const changed = request.slice(0, middle) + other + request.slice(middle + 1);
  for (const text of ["", "x", changed, "-----BEGIN CERTIFICATE-----"]) {
    assert.equal(await pki.readRequest(text), null, text);
    assert.equal(await pki.read(text), null);
  }
});
