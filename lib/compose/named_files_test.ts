import assert from "node:assert/strict";
import { ConfigError } from "../config/problems.ts";
import { checkLogFile, namedCertificates, namedText } from "./named_files.ts";

const key = "ctl.cacert";

Deno.test("a file that is not named, or can be read, is no problem", async () => {
  const path = await Deno.makeTempFile();
  try {
    assert.equal(await namedText({ key, path: null }), null);
    assert.equal(await namedCertificates({ key, path: null }), null);
    assert.equal(await namedText({ key, path }), "");
    checkLogFile({ key: "log.dir", path: null });
    checkLogFile({ key: "log.dir", path });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a file that cannot be used is refused with its key", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "no certificate");
    await assert.rejects(
      namedText({ key, path: `${path}/x` }),
      (error) =>
        error instanceof ConfigError &&
        /^ctl\.cacert: the file .* cannot be read: /.test(error.message),
    );
    await assert.rejects(
      namedCertificates({ key, path }),
      /^ConfigError: ctl\.cacert: the file .* holds no certificate: /,
    );
    assert.throws(
      () => checkLogFile({ key: "log.dir", path: `${path}/x.log` }),
      /^ConfigError: log\.dir: the file .* cannot be written: /,
    );
  } finally {
    await Deno.remove(path);
  }
});
