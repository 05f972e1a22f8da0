import assert from "node:assert/strict";
import {
  loadDynamicDocument,
  saveDynamicDocument,
} from "./dynamic_document.ts";

Deno.test("the dynamic document is saved with all its digits, for its owner", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "matriarch-dynamic-" });
  try {
    const place = { options: { dataDir } };
    assert.equal(await loadDynamicDocument(place), null);
    const document = { ttl: 30, own_tool: { seen: 12345678901234567891n } };
    await saveDynamicDocument(place, document);
    const path = `${dataDir}/patroni.dynamic.json`;
    assert.equal(
      await Deno.readTextFile(path),
      '{"ttl":30,"own_tool":{"seen":12345678901234567891}}',
    );
    const { mode } = await Deno.stat(path);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(await loadDynamicDocument(place), document);
    await Deno.writeTextFile(path, "no JSON");
    assert.equal(await loadDynamicDocument(place), null);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
