import assert from "node:assert/strict";
import { moment } from "../../core/base/units.ts";
import { ConsentFile } from "./consent_file.ts";

const CONSENT = { at: moment(5_000), ttlMs: 30_000 };

interface Place {
  readonly dataDir: string;
  readonly bootId: string;
}

async function inPlace(use: (place: Place) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "matriarch-consent-" });
  try {
    const bootId = `${path}/boot_id`;
    await Deno.writeTextFile(bootId, "one\n");
    await Deno.mkdir(`${path}/data`);
    await use({ dataDir: `${path}/data`, bootId });
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("ConsentFile finds what it saved, of its own member only", async () => {
  await inPlace(async ({ dataDir, bootId }) => {
    const file = new ConsentFile({ dataDir, member: "n1" }, bootId);
    assert.equal(await file.load(), null);
    await file.save(CONSENT);
    await file.save({ ...CONSENT, at: moment(6_000) });
    assert.deepEqual(await file.load(), { ...CONSENT, at: 6_000 });
    const other = new ConsentFile({ dataDir, member: "n2" }, bootId);
    assert.equal(await other.load(), null);
    const slashed = new ConsentFile(
      { dataDir: `${dataDir}/`, member: "n1" },
      bootId,
    );
    assert.deepEqual(await slashed.load(), { ...CONSENT, at: 6_000 });
  });
});

Deno.test("ConsentFile: a consent from before a boot was given before it", async () => {
  await inPlace(async ({ dataDir, bootId }) => {
    const file = new ConsentFile({ dataDir, member: "n1" }, bootId);
    await file.save(CONSENT);
    await Deno.writeTextFile(bootId, "two\n");
    assert.deepEqual(await file.load(), { at: 0, ttlMs: 30_000 });
  });
});

Deno.test("ConsentFile takes anything else for not known", async () => {
  await inPlace(async ({ dataDir, bootId }) => {
    const file = new ConsentFile({ dataDir, member: "n1" }, bootId);
    const path = `${dataDir}/../.data.matriarch-consent`;
    const texts = [
      "",
      "[]",
      '{"boot": "one", "member": "n1"}',
      '{"boot": "one", "member": "n1", "at": "5", "ttl_ms": null}',
      '{"boot": "one", "member": "n1", "at": 5, "ttl_ms": -1}',
      '{"boot": 1, "member": "n1", "at": 5, "ttl_ms": null}',
    ];
    for (const text of texts) {
      await Deno.writeTextFile(path, text);
      assert.equal(await file.load(), null, text);
    }
  });
});

Deno.test("ConsentFile: what cannot be kept leaves nothing older behind", async () => {
  await inPlace(async ({ dataDir, bootId }) => {
    const file = new ConsentFile({ dataDir, member: "n1" }, bootId);
    await file.save(CONSENT);
    await Deno.mkdir(`${dataDir}/../.data.matriarch-consent.new`);
    await file.save({ ...CONSENT, at: moment(9_000) });
    assert.equal(await file.load(), null);
  });
});
