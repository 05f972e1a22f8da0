import assert from "node:assert/strict";
import { secretsIn } from "./secrets_folder.ts";
import { holdVolume } from "./volume_lock.ts";

function secrets(mark: string) {
  return {
    ...{ superuserPassword: `s${mark}`, replicationPassword: `r${mark}` },
    ...{ restPassword: `m${mark}`, caCert: `c${mark}\n`, caKey: `k${mark}\n` },
  };
}

async function inFolder(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "matriarch-container-" });
  try {
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("secrets: of many that make them all have the first one's", async () => {
  await inFolder(async (dir) => {
    const marks = Array.from({ length: 8 }, (_, i) => String(i));
    const all = await Promise.all(
      marks.map((mark) =>
        secretsIn(`${dir}/s`, () => Promise.resolve(secrets(mark)))
      ),
    );
    assert.equal(new Set(all.map((one) => JSON.stringify(one))).size, 1);
    const names = [...Deno.readDirSync(`${dir}/s`)].map(({ name }) => name);
    assert.deepEqual(names, ["made"]);
    const { mode } = Deno.statSync(`${dir}/s/made/superuser_password`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    const again = await secretsIn(
      `${dir}/s`,
      () => Promise.reject(new Error("made again")),
    );
    assert.deepEqual(again, all[0]);
  });
});

Deno.test("secrets: an operator's files count, and all must be there", async () => {
  await inFolder(async (dir) => {
    const never = () => Promise.reject(new Error("made"));
    await Deno.writeTextFile(`${dir}/superuser_password`, "one\n");
    await assert.rejects(secretsIn(dir, never), (error: unknown) => {
      assert.match(String(error), /missing or empty: replication_password, /);
      return true;
    });
    for (
      const name of [
        "replication_password",
        "rest_password",
        "ca.pem",
        "ca.key",
      ]
    ) await Deno.writeTextFile(`${dir}/${name}`, `${name}\n`);
    const found = await secretsIn(dir, never);
    assert.equal(found.superuserPassword, "one");
    assert.equal(found.caCert, "ca.pem\n");
  });
});

Deno.test("secrets: a folder that cannot be written is told with what helps", async () => {
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "");
    const make = () => Promise.resolve(secrets(""));
    await assert.rejects(
      secretsIn(`${dir}/file/below`, make),
      /mount a volume there|Cannot read/,
    );
  });
});

Deno.test("volume: one container at a time", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/container.lock`;
    {
      using _held = await holdVolume(path);
      await assert.rejects(holdVolume(path), /Another container/);
    }
    using _again = await holdVolume(path);
    await assert.rejects(holdVolume(`${dir}/none/lock`), /cannot be written/);
  });
});
