import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { LabUsageError, readLabOptions } from "./options.ts";
import { labStore } from "./stores/all.ts";

Deno.test("readLabOptions() gives defaults", () => {
  deepEqual(readLabOptions([]), {
    isDemo: false,
    members: 3,
    dcs: labStore("sqlite"),
    directory: null,
    isKept: false,
    portBase: 5000,
    isJson: false,
  });
});

Deno.test("readLabOptions() reads the demo with options on both sides", () => {
  const options = readLabOptions(["--dcs=etcd", "demo", "--members", "5"]);
  equal(options?.isDemo, true);
  equal(options?.dcs.name, "etcd");
  equal(options?.members, 5);
});

Deno.test("readLabOptions() knows when help is wanted", () => {
  equal(readLabOptions(["demo", "--help"]), null);
});

Deno.test("readLabOptions() names every problem at once", () => {
  const args = ["x", "--members", "10", "--dcs", "zk", "--port-base", "1e4"];
  throws(() => readLabOptions(args), (error: unknown) => {
    equal(error instanceof LabUsageError, true);
    equal(String(error).split("\n").length, 4);
    return true;
  });
  throws(() => readLabOptions(["--strange"]), {
    name: "LabUsageError",
    message: "Unknown option '--strange'",
  });
  throws(() => readLabOptions(["demo", "--members", "1"]), LabUsageError);
});

Deno.test("any lab options are understood, or refused with a sentence", () => {
  const word = fc.oneof(
    fc.constantFrom(
      ...["--members", "--members=3", "--members=", "--dcs", "etcd", "demo"],
      ...["--dir", "--keep", "--keep=1", "--port-base", "5000", "-1", "1e3"],
      ...["--json", "--help", "-h", "-", "--", "--no-keep", ""],
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (args) => {
      try {
        const options = readLabOptions(args);
        if (options !== null) ok(options.members >= 1 && options.members <= 9);
      } catch (error) {
        ok(error instanceof LabUsageError && error.message !== "");
      }
    }),
    { numRuns: 5000 },
  );
});
