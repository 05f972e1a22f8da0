import assert from "node:assert/strict";
import { lsn, revision } from "../base/units.ts";
import { decodeClusterView } from "./cluster_view_codec.ts";
import { decodePledge, encodePledge, pledgeKey } from "./pledge_codec.ts";

const PLEDGE = {
  term: revision("1234"),
  timeline: 3,
  lsn: lsn(0x1_0500_0060n),
};
const TEXT = '{"term":"1234","timeline":3,"lsn":"1/5000060"}';

Deno.test("encodePledge() writes what decodePledge() reads", () => {
  assert.equal(encodePledge(PLEDGE), TEXT);
  assert.deepEqual(decodePledge(TEXT), PLEDGE);
  assert.equal(encodePledge(null), '{"term":null}');
  assert.equal(decodePledge(encodePledge(null)), null);
});

const UNREADABLE: readonly string[] = [
  "",
  "{}",
  "[]",
  "null",
  '"1234"',
  "{",
  TEXT.replace('"1234"', "1234"),
  TEXT.replace("1234", "with blank"),
  TEXT.replace("1234", ""),
  TEXT.replace(":3,", ":0,"),
  TEXT.replace(":3,", ":-1,"),
  TEXT.replace(":3,", ':"x",'),
  TEXT.replace("1/5000060", "17263952000"),
  TEXT.replace('"1/5000060"', "null"),
];

for (const text of UNREADABLE) {
  Deno.test(`decodePledge() takes ${JSON.stringify(text)} for none`, () => {
    assert.equal(decodePledge(text), null);
  });
}

Deno.test("decodeClusterView() shows every pledge with its revision, none stays", () => {
  const entry = (key: string, value: string, at: string) => (
    { key, value, revision: revision(at), isHeld: false }
  );
  const { pledges } = decodeClusterView({
    entries: [
      entry(pledgeKey("n3"), "rubbish", "9"),
      entry(pledgeKey("n2"), TEXT, "8"),
      entry("pledges/", TEXT, "7"),
      entry("pledges/deep/er", TEXT, "6"),
      entry(pledgeKey("x".repeat(2_000)), TEXT, "5"),
    ],
  });
  assert.deepEqual(pledges, [
    { name: "n2", pledge: PLEDGE, revision: revision("8") },
    { name: "n3", pledge: null, revision: revision("9") },
  ]);
});
