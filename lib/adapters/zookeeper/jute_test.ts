import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameSplitter } from "./frames.ts";
import { JuteReader, JuteWriter, WireError } from "./jute.ts";
import {
  answersOf,
  connectFrame,
  failedStep,
  grantedSession,
  headOf,
} from "./messages.ts";

function body(frame: Uint8Array): Uint8Array {
  return frame.subarray(4);
}

Deno.test("what is written is read again", () => {
  const frame = new JuteWriter().int(-7).long(-(2n ** 62n)).bool(true)
    .text("été").buffer(new Uint8Array(5000)).frame();
  const reader = new JuteReader(body(frame));
  assert.deepEqual([reader.int(), reader.long(), reader.bool()], [
    ...[-7, -(2n ** 62n)],
    true,
  ]);
  assert.equal(reader.text(), "été");
  assert.equal(reader.buffer().length, 5000);
  assert.equal(reader.left, 0);
  assert.equal(new DataView(frame.buffer).getInt32(0), frame.length - 4);
});

Deno.test("a null text is empty", () => {
  const frame = new JuteWriter().int(-1).frame();
  assert.equal(new JuteReader(body(frame)).text(), "");
});

Deno.test("lengths and counts that lie are refused before memory is taken", () => {
  for (const length of [2 ** 31 - 1, 5, -2, -(2 ** 31)]) {
    const frame = new JuteWriter().int(length).int(0).frame();
    const reader = () => new JuteReader(body(frame));
    assert.throws(() => reader().text(), WireError);
    assert.throws(() => reader().texts(), WireError);
  }
  assert.throws(() => new JuteReader(new Uint8Array(3)).int(), WireError);
  assert.throws(() => new JuteReader(new Uint8Array(7)).long(), WireError);
});

Deno.test("any bytes are read or refused, never anything else", () => {
  const readers = [
    (bytes: Uint8Array) => grantedSession(bytes),
    (bytes: Uint8Array) => headOf(bytes),
    (bytes: Uint8Array) => answersOf(new JuteReader(bytes)),
    (bytes: Uint8Array) => failedStep(new JuteReader(bytes)),
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const read of readers) {
        try {
          read(bytes);
        } catch (error) {
          assert.ok(error instanceof WireError, Deno.inspect(error));
        }
      }
    }),
  );
});

Deno.test("a stream is cut into frames, whatever its pieces", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 6000 }),
      (contents, size) => {
        const stream = contents.flatMap((one) => [
          ...new JuteWriter().buffer(one).frame().subarray(4),
        ]);
        const splitter = new FrameSplitter();
        const frames: Uint8Array[] = [];
        for (let at = 0; at < stream.length; at += size) {
          const piece = new Uint8Array(stream.slice(at, at + size));
          frames.push(...splitter.push(piece, 10_000));
        }
        assert.deepEqual(
          frames.map((one) => [...one]),
          contents.map((one) => [
            ...one,
          ]),
        );
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("a frame that is too long is refused with its head", () => {
  for (const head of ["HTTP/1.1 400", "SSH-2.0-x", "\x15\x03\x03\x00\x02"]) {
    const bytes = new TextEncoder().encode(head);
    assert.throws(() => new FrameSplitter().push(bytes, 4096), WireError);
  }
  const negative = new Uint8Array([255, 0, 0, 0]);
  assert.throws(() => new FrameSplitter().push(negative, 4096), WireError);
});

Deno.test("a connect request has the form that servers want", () => {
  const frame = connectFrame({
    ...{ id: 1n, password: new Uint8Array(16), timeoutMs: 2000 },
  });
  assert.equal(frame.length, 4 + 4 + 8 + 4 + 8 + 4 + 16 + 1);
});

Deno.test("the step at fault is the one with a code of its own", () => {
  const refused = (code: number) => (to: JuteWriter) =>
    to.int(-1).bool(false).int(code).int(code);
  const end = (to: JuteWriter) => to.int(-1).bool(true).int(-1);
  const failed = (...codes: readonly number[]) => {
    const to = new JuteWriter();
    for (const code of codes) refused(code)(to);
    end(to);
    return failedStep(new JuteReader(body(to.frame())));
  };
  assert.deepEqual(failed(0, 0, -103, -2), { at: 2, code: -103 });
  assert.deepEqual(failed(), null);
  // Undone without a cause is still not done.
  assert.deepEqual(failed(0, -2), { at: 0, code: -2 });
});
