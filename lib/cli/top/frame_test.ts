import assert from "node:assert/strict";
import { columnsOf, cut, wrapped } from "./columns_of_text.ts";
import { fitted, type Frame, line, painted } from "./frame.ts";
import { keysIn, pressed, type TopPlace } from "./keys.ts";
import { lagLine } from "./text_pages.ts";

const FRAME: Frame = {
  head: [line("title", "strong"), line("MEMBER", "bar")],
  body: Array.from({ length: 200 }, (_, index) => line(`row ${index + 1}`)),
  foot: [line("loss"), line("keys")],
};

function textsOf(columns: number, rows: number, offset = 0): string[] {
  return fitted(FRAME, { columns, rows }, offset).lines.map(({ text }) => text);
}

Deno.test("fitted() fills a terminal of any size, and nothing beyond it", () => {
  for (const columns of [1, 2, 5, 20, 80, 300]) {
    for (const rows of [1, 2, 3, 4, 5, 6, 7, 8, 24, 203, 204, 205, 230]) {
      for (const offset of [0, 7, Infinity]) {
        const texts = textsOf(columns, rows, offset);
        assert.equal(texts.length, rows, `${columns}x${rows}`);
        for (const text of texts) assert.ok(text.length <= columns, text);
      }
    }
  }
});

Deno.test("fitted() keeps head and foot and says that there is more", () => {
  assert.deepEqual(textsOf(60, 9, 3), [
    ...["title", "MEMBER", "row 4", "row 5", "row 6", "row 7"],
    ...["lines 4 to 7 of 200: arrows, PgUp, PgDn", "loss", "keys"],
  ]);
  const end = fitted(FRAME, { columns: 60, rows: 9 }, Infinity);
  assert.equal(end.offset, 196);
  assert.equal(end.lines[5]?.text, "row 200");
  // Head and foot give way to the body.
  assert.deepEqual(textsOf(9, 5), [
    ...["title", "row 1", "row 2", "lines 1 ~", "keys"],
  ]);
  assert.deepEqual(textsOf(9, 1), ["lines 1 ~"]);
  const whole = fitted(FRAME, { columns: 60, rows: Infinity }, 0);
  assert.equal(whole.lines.length, 204);
});

Deno.test("painted() colours only what stands out", () => {
  assert.equal(painted(line("n1")), "n1");
  assert.equal(painted(line("n1", "bad")), "\x1b[31mn1\x1b[0m");
});

Deno.test("texts are cut by the columns that they take", () => {
  assert.equal(cut("n1", 2), "n1");
  assert.equal(cut("node1", 4), "nod~");
  assert.equal(cut("東京都", 5), "東京~");
  assert.equal(cut("n\x1b[2J", 20), "n\\u001b[2J");
  assert.equal(cut("", 0), "");
  assert.equal(cut("x", 0), "");
  // Marks take no column, but four thousand of them are not passed on.
  const marked = cut(`n${"\u0301".repeat(4096)}`, 10);
  assert.ok(marked.length <= 42, String(marked.length));
  for (const text of ["x".repeat(4096), "東".repeat(99), "\u202e".repeat(99)]) {
    for (let columns = 0; columns < 90; columns++) {
      assert.ok(columnsOf(cut(text, columns)) <= columns);
    }
  }
});

Deno.test("texts are wrapped between words, and words where they must be", () => {
  assert.deepEqual(wrapped("one two three", 7), ["one two", "  three"]);
  assert.deepEqual(wrapped("  one two three", 9), [
    ...["  one two", "    three"],
  ]);
  assert.deepEqual(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
  assert.deepEqual(wrapped("東京", 1), ["東", "京", ""]);
  assert.deepEqual(wrapped("", 10), [""]);
  for (const columns of [2, 3, 10, 79]) {
    for (const each of wrapped(`  ${"東 x\x1b y".repeat(200)}`, columns)) {
      assert.ok(columnsOf(each) <= columns, each);
    }
  }
});

Deno.test("the line of lags has the highest of what it puts together", () => {
  assert.equal(lagLine([0, 0, 0], 10), "___");
  assert.equal(lagLine([null, 0, 7], 10), "?_#");
  assert.equal(lagLine([0, 9, 0, null, null, 0, 1], 4), "#__.");
  assert.equal(lagLine([3, 3, null, null], 2), "#?");
  assert.equal(lagLine(Array.from({ length: 120 }, () => 5), 50).length, 40);
});

Deno.test("keysIn() knows what terminals send, and takes no letter out of it", () => {
  assert.deepEqual(keysIn("\x1b[A\x1bOB\x1b[5~k"), [
    ...["up", "down", "page up", "up"],
  ]);
  assert.deepEqual(keysIn("\x1b[1;5s"), ["unknown"]);
  assert.deepEqual(keysIn("\x1b[200~q"), ["unknown", "q"]);
  assert.deepEqual(keysIn("\x03\x1b"), ["interrupt", "escape"]);
  assert.deepEqual(keysIn(""), []);
});

Deno.test("pressed() turns pages and moves in them", () => {
  const place: TopPlace = { page: "explain", offset: 5 };
  const placeAfter = (key: string): TopPlace | null => {
    const asked = pressed(key, place, 10);
    return asked.kind === "place" ? asked.place : null;
  };
  assert.deepEqual(placeAfter("down"), { page: "explain", offset: 6 });
  assert.deepEqual(placeAfter("page up"), { page: "explain", offset: 0 });
  assert.deepEqual(placeAfter("end"), { page: "explain", offset: Infinity });
  assert.deepEqual(placeAfter("h"), { page: "history", offset: 0 });
  assert.deepEqual(placeAfter("escape"), { page: "members", offset: 0 });
  assert.deepEqual(placeAfter("?"), place);
  for (const key of ["q", "interrupt"]) {
    assert.equal(pressed(key, place, 10).kind, "quit");
  }
  assert.equal(pressed("s", place, 10).kind, "switchover");
});
