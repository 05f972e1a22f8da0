import assert from "node:assert/strict";
import { NOTICE_EVENTS } from "../../core/model/notice.ts";
import { Wanted } from "../fields.ts";
import { LAST_KEYS } from "../keys/all.ts";
import { readKey } from "../keys/key.ts";
import { formatProblem } from "../problems.ts";
import { MASK, redact } from "../secrets.ts";
import { notify } from "./notify.ts";

const URL = "https://hooks.example.net/services/T0/B0/s3cr3t";

Deno.test("notify section: a full entry, a short one, and none", () => {
  const full = {
    url: URL,
    events: ["failover", "member_lost"],
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    cafile: "/etc/ssl/own.pem",
    timeout: "2s",
  };
  assert.deepEqual(
    notify.read([full, { url: "http://10.0.0.9:8080" }]),
    [
      { ...full, timeout: undefined, timeoutMs: 2_000 },
      {
        ...{ url: "http://10.0.0.9:8080/", events: null, secret: null },
        ...{ cafile: null, timeoutMs: 10_000 },
      },
    ].map(({ timeout: _, ...target }: Record<string, unknown>) => target),
  );
  assert.deepEqual(readKey(LAST_KEYS.notify, undefined), []);
  assert.ok(
    NOTICE_EVENTS.every((event) =>
      !(notify.read({ url: URL, events: [event] }) instanceof Wanted)
    ),
  );
});

const WRONG: readonly (readonly [unknown, RegExp])[] = [
  ["https://h/x", /a list of maps/],
  [[{}], /url: an http or https address/],
  [[{ url: "ftp://h/x" }], /url:/],
  [[{ url: "file:///etc/passwd" }], /url:/],
  [[{ url: "http://" }], /url:/],
  [[{ url: 7 }], /url:/],
  [[{ url: "https://u:p@h/x" }], /without user and password/],
  [[{ url: URL, events: [] }], /events: a list/],
  [[{ url: URL, events: ["failover", "fail"] }], /events: a list/],
  [[{ url: URL, events: "failover" }], /events: a list/],
  [[{ url: URL, secret: "short" }], /secret:/],
  [[{ url: URL, secret: "whsec_not base64" }], /secret:/],
  [[{ url: URL, secret: 1_234_567_890_123_456 }], /secret:/],
  [[{ url: URL, timeout: 0 }], /timeout: from 100 ms/],
  [[{ url: URL, timeout: "2min" }], /timeout:/],
  [[{ url: URL, cafile: 7 }], /cafile:/],
  [[{ url: URL, event: ["failover"] }], /only url, events/],
  [[{ url: "http://a" }, { url: "http://a/" }], /each url once/],
  [
    Array.from({ length: 17 }, (_, at) => ({ url: `http://h${at}` })),
    /at most 16/,
  ],
  [[{ url: URL }, { url: "x" }], /in entry 2/],
];

Deno.test("notify section: what cannot be used is refused, with its place", () => {
  for (const [value, wanted] of WRONG) {
    const result = notify.read(value);
    assert.ok(result instanceof Wanted, JSON.stringify(value));
    assert.match(result.text, wanted);
  }
});

Deno.test("notify section: neither a secret nor a path is ever shown", () => {
  const value = [
    { url: URL, secret: "a secret of some length" },
    { url: "s3cr3t" },
    { url: ["s3cr3t"] },
  ];
  assert.deepEqual(redact({ notify: value }), {
    notify: [
      { url: `https://hooks.example.net/${MASK}`, secret: MASK },
      { url: MASK },
      { url: MASK },
    ],
  });
  const wanted = "a list";
  for (const given of [value, value[0], URL]) {
    const shown = formatProblem({ path: "notify", value: given, wanted });
    assert.doesNotMatch(shown, /s3cr3t|a secret of/, shown);
  }
});
