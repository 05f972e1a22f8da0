import assert from "node:assert/strict";
import { DoorInbox, sendDoors } from "./door_inbox.ts";
import { FLAG, loadLibc } from "./libc.ts";

const libc = loadLibc();

Deno.test({
  name: "descriptors arrive open, under numbers of the receiver's own" +
    (libc === null ? " (left out: no glibc here)" : ""),
  ignore: libc === null,
  fn() {
    if (libc === null) return;
    const folder = Deno.makeTempDirSync({ prefix: "matriarch-doors-" });
    const ends = new Int32Array(2);
    libc.pipe2(ends, FLAG.nonBlocking | FLAG.closeOnExec);
    const [readEnd = -1, writeEnd = -1] = ends;
    const inbox = DoorInbox.open(libc, `${folder}/doors`);
    assert.ok(inbox !== null);
    try {
      assert.deepEqual(inbox.receive(), []);
      assert.equal(sendDoors(libc, inbox.path, [readEnd, writeEnd]), true);
      const [readCopy = -1, writeCopy = -1, ...rest] = inbox.receive();
      assert.deepEqual(rest, []);
      assert.notEqual(readCopy, readEnd);
      assert.equal(libc.write(writeCopy, new Uint8Array([7]), 1), 1);
      const byte = new Uint8Array(1);
      assert.equal(libc.read(readEnd, byte, 1), 1);
      assert.equal(byte[0], 7);
      for (const fd of [readCopy, writeCopy]) libc.close(fd);
    } finally {
      inbox.close();
      for (const fd of [readEnd, writeEnd]) libc.close(fd);
      Deno.removeSync(folder, { recursive: true });
    }
    assert.equal(sendDoors(libc, inbox.path, [0]), false, "nobody is there");
  },
});

Deno.test("descriptors: a path that is too long for a socket is refused", () => {
  if (libc === null) return;
  assert.equal(DoorInbox.open(libc, `/tmp/${"x".repeat(120)}`), null);
  assert.equal(sendDoors(libc, `/tmp/${"x".repeat(120)}`, [0]), false);
});
