import assert from "node:assert/strict";
import { Wanted } from "../fields.ts";
import { daemonTarget, lineTarget } from "./log_target.ts";

Deno.test("lineTarget knows files, syslog and the journal", () => {
  const journal = "/run/systemd/journal/socket";
  const cases: readonly [unknown, unknown][] = [
    [false, null],
    ["/var/log/x.log", { kind: "file", path: "/var/log/x.log" }],
    ["syslog", { kind: "syslog", path: "/dev/log" }],
    ["syslog:/run/log", { kind: "syslog", path: "/run/log" }],
    ["syslog://logs", { kind: "syslog_udp", host: "logs", port: 514 }],
    ["syslog://10.0.0.9:80", {
      kind: "syslog_udp",
      host: "10.0.0.9",
      port: 80,
    }],
    ["syslog://[::1]:1514", { kind: "syslog_udp", host: "::1", port: 1514 }],
    ["journald", { kind: "journald", path: journal }],
  ];
  for (const [value, wanted] of cases) {
    assert.deepEqual(lineTarget.read(value), wanted, String(value));
  }
});

Deno.test("lineTarget refuses the rest, and daemonTarget files, too", () => {
  const wrong = [
    "",
    "x.log",
    "syslogd",
    "syslog://",
    "syslog://h/x",
    "syslog://h:x",
    5.5,
    true,
  ];
  for (const value of wrong) {
    assert.ok(lineTarget.read(value) instanceof Wanted, String(value));
  }
  assert.ok(daemonTarget.read("/var/log/x.log") instanceof Wanted);
});
