import { deepEqual, equal, throws } from "node:assert/strict";
import { LabUsageError, readLabOptions } from "./options.ts";

Deno.test("readLabOptions() gives defaults", () => {
  deepEqual(readLabOptions([]), {
    isDemo: false,
    members: 3,
    dcs: "sqlite",
    directory: null,
    isKept: false,
    portBase: 5000,
    isJson: false,
  });
});

Deno.test("readLabOptions() reads the demo with options on both sides", () => {
  const options = readLabOptions(["--dcs=etcd", "demo", "--members", "5"]);
  equal(options?.isDemo, true);
  equal(options?.dcs, "etcd");
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
