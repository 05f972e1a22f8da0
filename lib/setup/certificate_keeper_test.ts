/** Members in memory that keep their certificates, and a rotation of the authority. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DeskBench } from "../../tests/helpers/host_desk.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import { LogLines } from "../../tests/helpers/rest_app.ts";
import { FakeHost } from "../../tests/helpers/setup_world.ts";
import type { CertificateFacts } from "../ports/certificates.ts";
import { CertificateKeeper } from "./certificate_keeper.ts";
import { untrusting, withNext, withNextSigning } from "./care.ts";
import { certificateFile } from "./layout.ts";
import { witnessesOf } from "./authority_record.ts";
import { readScopeKeys, updateAuthority } from "./store_keys.ts";

const DAY_MS = 86_400_000;
const DIR = "/etc/matriarch/tls";
const CERT = `${DIR}/host.pem`;
const TRUST = `${DIR}/ca.pem`;

/** A member and its keeper. */
class Kept {
  readonly host: FakeHost;
  readonly log = new LogLines();
  readonly keeper: CertificateKeeper;
  readonly #bench: DeskBench;
  reloads = 0;
  readonly overdue: number[] = [];

  constructor(
    readonly name: string,
    bench: DeskBench,
    role: "member" | "witness" = "member",
  ) {
    this.#bench = bench;
    this.host = new FakeHost(name);
    this.keeper = new CertificateKeeper({
      ...{ self: name, role, dir: DIR, dcs: bench.dcs, log: this.log },
      clock: new WallClock(() => bench.host.nowMs),
      certificates: bench.certificates,
      files: this.host.files,
      hash: hashOf,
      ask: (_holder, request) => bench.desk.renew(request),
      onChange: () => this.reloads += 1,
      onOverdue: (untilMs) => this.overdue.push(untilMs),
    });
  }

  /** With a certificate that was signed now. */
  static async joined(
    name: string,
    bench: DeskBench,
    role: "member" | "witness" = "member",
  ): Promise<Kept> {
    const kept = new Kept(name, bench, role);
    const { authority, certificates } = bench;
    assert.ok(authority !== null);
    const named = { name, hosts: ["10.0.0.12"] };
    const { request, key } = await certificates.makeRequest(named);
    const cert = await certificates.sign(request, named, {
      authority,
      validity: { nowMs: bench.host.nowMs, lifetimeMs: 180 * DAY_MS },
    });
    const text = certificateFile({ cert, key, authority: authority.cert });
    await kept.put(CERT, text);
    await kept.put(TRUST, authority.cert);
    return kept;
  }

  async put(path: string, text: string): Promise<void> {
    await this.host.files.write({ path, text, mode: 0o600, owner: null });
  }

  text(path: string): string {
    return this.host.disk.get(path)?.text ?? "";
  }

  async facts(): Promise<CertificateFacts> {
    const facts = await this.#bench.certificates.read(this.text(CERT));
    assert.ok(facts !== null);
    return facts;
  }
}

class WallClock extends ManualClock {
  readonly #now: () => number;

  constructor(now: () => number) {
    super();
    this.#now = now;
  }

  override wallTimeMs(): number {
    return this.#now();
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

Deno.test("a certificate is renewed when a third of its time is left, not before", async () => {
  const bench = await DeskBench.open();
  const db2 = await Kept.joined("db2", bench);
  const before = db2.text(CERT);
  bench.host.nowMs += 119 * DAY_MS;
  await db2.keeper.look();
  assert.equal(db2.text(CERT), before);
  assert.equal(db2.reloads, 0);
  bench.host.nowMs += 2 * DAY_MS;
  await db2.keeper.look();
  const facts = await db2.facts();
  assert.equal(facts.name, "db2");
  assert.deepEqual(facts.hosts, ["10.0.0.12"]);
  assert.equal(facts.notAfterMs, bench.host.nowMs + 180 * DAY_MS);
  assert.equal(db2.reloads, 1);
  // Its key is new as well, and the old one is gone.
  const keyOf = (text: string) => text.slice(text.indexOf("BEGIN PRIVATE"));
  assert.notEqual(keyOf(db2.text(CERT)), keyOf(before));
});

Deno.test("who does not get one says why, once, and tries again", async () => {
  const bench = await DeskBench.open();
  const db2 = await Kept.joined("db2", bench);
  bench.host.nowMs += 150 * DAY_MS;
  const authority = bench.authority;
  bench.authority = null;
  await db2.keeper.look();
  await db2.keeper.look();
  assert.deepEqual(db2.log.lines, [
    "WARNING Cannot take care of the certificates: db1 gives no " +
    "certificate: db1 has no key of the authority",
  ]);
  bench.authority = authority;
  await db2.keeper.look();
  assert.equal((await db2.facts()).notAfterMs, bench.host.nowMs + 180 * DAY_MS);
});

Deno.test("a certificate that should have been replaced long ago is said once", async () => {
  const bench = await DeskBench.open();
  const db2 = await Kept.joined("db2", bench);
  const { notAfterMs } = await db2.facts();
  const { authority } = bench;
  bench.authority = null;
  bench.host.nowMs += 149 * DAY_MS;
  await db2.keeper.look();
  assert.deepEqual(db2.overdue, []);
  bench.host.nowMs += 2 * DAY_MS;
  await db2.keeper.look();
  await db2.keeper.look();
  assert.deepEqual(db2.overdue, [notAfterMs]);
  bench.authority = authority;
  await db2.keeper.look();
  assert.deepEqual(db2.overdue, [notAfterMs]);
});

Deno.test("a removed member gets none", async () => {
  const bench = await DeskBench.open();
  const db2 = await Kept.joined("db2", bench);
  await updateAuthority(bench.dcs, (record) => ({
    value: record === null ? null : { ...record, removed: ["db2"] },
    answer: null,
  }));
  bench.host.nowMs += 150 * DAY_MS;
  await db2.keeper.look();
  assert.match(db2.log.lines.join(), /db2 was removed from this cluster/);
});

Deno.test("a witness says by what it is reached, and a rotation waits for it", async () => {
  const bench = await DeskBench.open();
  const kept = [
    await Kept.joined("db1", bench),
    await Kept.joined("w", bench, "witness"),
  ] as const;
  for (const { keeper } of kept) await keeper.look();
  const record = async () => (await readScopeKeys(bench.dcs)).authority;
  assert.deepEqual(witnessesOf(await record()), ["w"]);
  assert.deepEqual((await record())?.taken["w"]?.witness, ["10.0.0.12"]);
  const next = await bench.certificates.makeAuthority("main", {
    nowMs: bench.host.nowMs,
    lifetimeMs: DAY_MS,
  });
  const hash = (await bench.certificates.read(next.cert))?.hash ?? "";
  const both = await updateAuthority(bench.dcs, (before) => {
    if (before === null) return { value: null, answer: "" };
    const value = withNext(before, { holder: "db1", hash, cert: next.cert });
    return { value, answer: value.trusted.join("") };
  });
  const [db1, w] = kept;
  for (let round = 0; round < 2; round++) await db1.keeper.look();
  const waiting = async () => {
    const now = await record();
    assert.ok(now !== null);
    return untrusting(now, hashOf(both), ["db1"]);
  };
  assert.deepEqual(await waiting(), ["w"]);
  for (let round = 0; round < 2; round++) await w.keeper.look();
  assert.deepEqual(await waiting(), []);
  bench.authority = next;
  await updateAuthority(bench.dcs, (before) => ({
    value: before === null ? null : withNextSigning(before, next.cert),
    answer: null,
  }));
  for (let round = 0; round < 4; round++) await db1.keeper.look();
  // The old one is forgotten when the witness has its new certificate, too.
  assert.equal((await record())?.trusted.length, 2);
  for (let round = 0; round < 2; round++) await w.keeper.look();
  await db1.keeper.look();
  assert.deepEqual((await record())?.trusted, [next.cert]);
  assert.ok(await bench.certificates.isSignedBy(w.text(CERT), next.cert));
});

Deno.test("another authority: all trust it, then it signs, then the old one is forgotten", async () => {
  const bench = await DeskBench.open();
  const members = [
    await Kept.joined("db1", bench),
    await Kept.joined("db2", bench),
  ];
  const look = async () => {
    for (const { keeper } of members) await keeper.look();
  };
  await look();
  const next = await bench.certificates.makeAuthority("main", {
    nowMs: bench.host.nowMs,
    lifetimeMs: 3_650 * DAY_MS,
  });
  const hash = (await bench.certificates.read(next.cert))?.hash ?? "";
  const old = bench.authority?.cert ?? "";
  await updateAuthority(bench.dcs, (record) => ({
    value: record === null
      ? null
      : withNext(record, { holder: "db1", hash, cert: next.cert }),
    answer: null,
  }));
  const record = async () => {
    const { authority } = await readScopeKeys(bench.dcs);
    assert.ok(authority !== null);
    return authority;
  };
  const trust = hashOf(next.cert + old);
  assert.deepEqual(untrusting(await record(), trust, ["db3"]), [
    ...["db1", "db2", "db3"],
  ]);
  const before = members.map((member) => member.text(CERT));
  await look();
  // The first phase changes no certificate.
  assert.deepEqual(members.map((member) => member.text(CERT)), before);
  for (const member of members) {
    assert.equal(member.text(TRUST), next.cert + old);
  }
  await look();
  assert.deepEqual(untrusting(await record(), trust, []), []);

  bench.authority = next;
  await updateAuthority(bench.dcs, (before) => ({
    value: before === null ? null : withNextSigning(before, next.cert),
    answer: null,
  }));
  for (let round = 0; round < 4; round++) await look();
  for (const member of members) {
    assert.equal(member.text(TRUST), next.cert);
    assert.ok(
      await bench.certificates.isSignedBy(member.text(CERT), next.cert),
    );
    assert.deepEqual(member.log.lines.filter((line) => /WARN/.test(line)), []);
  }
  const { trusted, next: none, holder } = await record();
  assert.deepEqual([trusted, none, holder], [[next.cert], null, "db1"]);
  const reloads = members.map((member) => member.reloads);
  await look();
  assert.deepEqual(members.map((member) => member.reloads), reloads);
});

Deno.test("the old authority stays trusted as long as one member needs it", async () => {
  const bench = await DeskBench.open();
  const [db1, db2] = [
    await Kept.joined("db1", bench),
    await Kept.joined("db2", bench),
  ];
  for (const { keeper } of [db1, db2]) await keeper.look();
  const next = await bench.certificates.makeAuthority("main", {
    nowMs: bench.host.nowMs,
    lifetimeMs: DAY_MS,
  });
  const hash = (await bench.certificates.read(next.cert))?.hash ?? "";
  await updateAuthority(bench.dcs, (record) => {
    if (record === null) return { value: null, answer: null };
    const both = withNext(record, { holder: "db1", hash, cert: next.cert });
    return { value: withNextSigning(both, next.cert), answer: null };
  });
  bench.authority = next;
  for (let round = 0; round < 4; round++) await db1.keeper.look();
  const { authority } = await readScopeKeys(bench.dcs);
  assert.equal(authority?.trusted.length, 2);
});

Deno.test("a store that was begun anew learns of the authority from who has its key", async () => {
  const bench = new DeskBench();
  const db1 = new Kept("db1", bench);
  await db1.keeper.look();
  assert.equal((await readScopeKeys(bench.dcs)).authority, null);
  const authority = await bench.certificates.makeAuthority("main", {
    nowMs: bench.host.nowMs,
    lifetimeMs: DAY_MS,
  });
  bench.authority = authority;
  await db1.put(`${DIR}/authority.pem`, authority.cert);
  await db1.put(`${DIR}/authority.key`, authority.key);
  await db1.keeper.look();
  assert.equal((await readScopeKeys(bench.dcs)).authority?.holder, "db1");
});
