import assert from "node:assert/strict";
import fc from "fast-check";
import { formatToken, parseToken } from "./token.ts";
import {
  decodeTokenBook,
  encodeTokenBook,
  judgeToken,
  type KeptToken,
  tokenState,
  withToken,
} from "./token_book.ts";
import { WrongTokens } from "./wrong_tokens.ts";

const NOW_MS = 1_795_910_400_000;
const TOKEN = {
  id: "abcd_-12",
  secret: "s".repeat(43),
  authorityHash: "0f".repeat(32),
  address: { host: "10.0.0.11", port: 8008 },
};
const KEPT: KeptToken = {
  id: TOKEN.id,
  hash: "h1",
  use: "join",
  expiresAtMs: NOW_MS + 1,
  spent: null,
};
const SHOWN = {
  id: TOKEN.id,
  hash: "h1",
  use: "join" as const,
  keyHash: "k1",
  name: "db2",
};

Deno.test("a token reads as it was written, and a part of one is none", () => {
  const addresses = [TOKEN.address, { host: "fd00::1", port: 1 }];
  for (const address of addresses) {
    const text = formatToken({ ...TOKEN, address });
    assert.deepEqual(parseToken(` ${text}\n`), { ...TOKEN, address });
    for (let length = 0; length < 120; length++) {
      assert.equal(parseToken(text.slice(0, length)), null);
    }
  }
  fc.assert(fc.property(fc.string(), (text) => parseToken(text) === null));
});

Deno.test("judgeToken() takes a token once, and once again for the same key", () => {
  const first = judgeToken([KEPT], SHOWN, NOW_MS);
  assert.equal(first.kind, "accepted");
  const { book } = first;
  assert.deepEqual(judgeToken(book, SHOWN, NOW_MS), { kind: "repeated" });
  const refusals = [
    [{ ...SHOWN, keyHash: "k2" }, NOW_MS, "used"],
    [{ ...SHOWN, name: "db3" }, NOW_MS, "used"],
    [{ ...SHOWN, hash: "h2" }, NOW_MS, "wrong"],
    [{ ...SHOWN, use: "renew" as const }, NOW_MS, "wrong"],
    [{ ...SHOWN, id: "x" }, NOW_MS, "unknown"],
    [SHOWN, NOW_MS + 1, "expired"],
  ] as const;
  for (const [shown, nowMs, reason] of refusals) {
    assert.deepEqual(judgeToken(book, shown, nowMs), {
      kind: "refused",
      reason,
    });
  }
});

Deno.test("the book is read as it was written, and never throws", () => {
  const used = { ...KEPT, spent: { keyHash: "k", name: "db2" } };
  const book = [KEPT, used];
  assert.deepEqual(decodeTokenBook(encodeTokenBook(book)), book);
  for (const text of [null, "", "[]", "{}", '{"tokens":[1,null,{"id":""}]}']) {
    assert.deepEqual(decodeTokenBook(text), []);
  }
});

Deno.test("withToken() forgets old tokens and keeps a hundred", () => {
  const old = { ...KEPT, expiresAtMs: NOW_MS - 8 * 86_400_000 };
  assert.deepEqual(withToken([old], KEPT, NOW_MS), [KEPT]);
  const many = Array.from({ length: 150 }, () => KEPT);
  assert.equal(withToken(many, KEPT, NOW_MS).length, 100);
});

Deno.test("tokenState() names where a token stands", () => {
  assert.equal(tokenState(KEPT, NOW_MS), "valid");
  assert.equal(tokenState(KEPT, NOW_MS + 1), "expired");
  const spent = { keyHash: "k", name: "db2" };
  assert.equal(tokenState({ ...KEPT, spent }, NOW_MS), "used");
});

Deno.test("ten wrong tokens in a minute make an address wait, and it alone", () => {
  const wrong = new WrongTokens();
  for (let count = 0; count < 10; count++) {
    assert.equal(wrong.waitMs("10.0.0.9", count), 0);
    wrong.count("10.0.0.9", count);
  }
  assert.equal(wrong.waitMs("10.0.0.9", 10), 59_990);
  assert.equal(wrong.waitMs("10.0.0.8", 10), 0);
  assert.equal(wrong.waitMs("10.0.0.9", 60_000), 0);
});
