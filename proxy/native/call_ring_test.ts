import assert from "node:assert/strict";
import { socketAddress } from "./address.ts";
import { CallRing, SLOT_BYTES, SLOTS } from "./call_ring.ts";
import { ERRNO, FLAG, type Libc, loadLibc } from "./libc.ts";
import { TCP_TUNING } from "../tcp_tuning.ts";
import { listenNative } from "./native_listener.ts";

const BAD_DESCRIPTOR = 9;
const libc = loadLibc();
const hasRing = libc !== null && CallRing.isPossible(libc);

function testRing(name: string, body: (rig: Rig) => void): void {
  Deno.test({
    name: name + (hasRing ? "" : " (left out: no io_uring here)"),
    ignore: !hasRing,
    fn() {
      if (libc === null) return;
      const rig = new Rig(libc);
      try {
        body(rig);
      } finally {
        rig.close();
      }
    },
  });
}

/** A ring, and connections over loopback. */
class Rig {
  readonly libc: Libc;
  readonly ring: CallRing;
  readonly #fds: number[] = [];

  constructor(libc: Libc) {
    this.libc = libc;
    const ring = CallRing.open(libc);
    assert.ok(ring !== null);
    this.ring = ring;
  }

  /** Both ends of a connection. */
  pair(): { readonly near: number; readonly far: number } {
    const { libc } = this;
    const listener = listenNative("127.0.0.1", 0, {
      libc,
      isShared: false,
      tcp: TCP_TUNING,
    });
    const address = socketAddress("127.0.0.1", listener.addr.port);
    assert.ok(address !== null);
    const near = libc.socket(address.family, FLAG.stream, 0);
    libc.connect(near, address.bytes, address.bytes.length);
    const far = libc.accept4(listener.fd, null, null, FLAG.nonBlocking);
    listener.close();
    this.#fds.push(near, far);
    return { near, far };
  }

  send(fd: number, text: string): void {
    const bytes = new TextEncoder().encode(text);
    assert.equal(this.libc.send(fd, bytes, bytes.length, 0), bytes.length);
  }

  received(fd: number): string {
    const bytes = new Uint8Array(100);
    return textOf(bytes, this.libc.recv(fd, bytes, bytes.length, 0));
  }

  close(): void {
    this.ring.close();
    for (const fd of this.#fds) this.libc.close(fd);
  }
}

function textOf(bytes: Uint8Array, length: number): string {
  return new TextDecoder().decode(bytes.subarray(0, length));
}

testRing("call ring: every slot receives its own, and sends its own", (rig) => {
  const { ring } = rig;
  const pairs = Array.from({ length: SLOTS }, () => rig.pair());
  for (const [slot, { near, far }] of pairs.entries()) {
    rig.send(near, `from ${slot}`);
    ring.queueReceive(slot, far);
  }
  ring.flush();
  for (const [slot, { far }] of pairs.entries()) {
    const count = ring.result(slot);
    const bytes = ring.buffers[slot] ?? new Uint8Array(0);
    assert.equal(textOf(bytes, count), `from ${slot}`);
    ring.queueSend(slot, far, count);
  }
  ring.flush();
  for (const [slot, { near }] of pairs.entries()) {
    assert.equal(ring.result(slot), `from ${slot}`.length);
    assert.equal(rig.received(near), `from ${slot}`);
  }
});

testRing("call ring: a call that fails tells why and stops no other", (rig) => {
  const { ring, libc } = rig;
  const [silent, ended, closed, spoken] = [
    ...[rig.pair(), rig.pair(), rig.pair(), rig.pair()] as const,
  ];
  libc.shutdown(ended.near, FLAG.shutdownWrite);
  rig.send(spoken.near, "word");
  ring.queueReceive(0, silent.far);
  ring.queueReceive(1, ended.far);
  const gone = rig.libc.eventfd(0, 0);
  libc.close(gone);
  ring.queueReceive(2, gone);
  ring.queueSend(3, closed.far, 1);
  ring.queueReceive(4, spoken.far);
  ring.flush();
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((slot) => ring.result(slot)),
    [-ERRNO.again, 0, -BAD_DESCRIPTOR, 1, 4],
  );
});

testRing(
  "call ring: a peer who does not read gets as much as fits, nobody waits",
  (rig) => {
    const { ring } = rig;
    const { far } = rig.pair();
    let last = 0;
    let total = 0;
    do {
      ring.queueSend(0, far, SLOT_BYTES);
      ring.flush();
      last = ring.result(0);
      total += Math.max(0, last);
      assert.ok(total < 100_000_000, "more than any kernel buffers");
    } while (last > 0);
    assert.equal(last, -ERRNO.again);
    assert.ok(total > 0);
  },
);

testRing("call ring: goes round many times", (rig) => {
  const { ring } = rig;
  const { near, far } = rig.pair();
  for (let time = 0; time < 1_000; time++) {
    rig.send(near, `time ${time}`);
    ring.queueReceive(time % SLOTS, far);
    ring.queueReceive((time + 1) % SLOTS, near);
    ring.flush();
    const count = ring.result(time % SLOTS);
    const bytes = ring.buffers[time % SLOTS] ?? new Uint8Array(0);
    assert.equal(textOf(bytes, count), `time ${time}`);
    assert.equal(ring.result((time + 1) % SLOTS), -ERRNO.again);
  }
});

testRing(
  "call ring: looking whether it is possible leaves nothing open",
  (rig) => {
    const open = (): number => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = open();
    for (let i = 0; i < 10; i++) CallRing.isPossible(rig.libc);
    assert.equal(open(), before);
  },
);

Deno.test("call ring: a kernel that refuses gives none", () => {
  if (libc === null) return;
  const refusing = { ...libc, io_uring_setup: () => -1 };
  assert.equal(CallRing.open(refusing), null);
  assert.equal(CallRing.isPossible(refusing), false);
});

testRing(
  "call ring: what the kernel does not take is as if it were busy, and may be tried again",
  (rig) => {
    const { libc } = rig;
    let isRefusing = true;
    const ring = CallRing.open({
      ...libc,
      io_uring_enter: (...[nr, fd, count, ...rest]) => {
        // Takes one call of those that are queued, then none at all.
        if (!isRefusing) return libc.io_uring_enter(nr, fd, count, ...rest);
        return libc.io_uring_enter(nr, fd, Math.min(1, count), 0, 0, null, 0);
      },
    });
    assert.ok(ring !== null);
    const pairs = [rig.pair(), rig.pair()];
    for (const { near } of pairs) rig.send(near, "word");
    const attempt = (): readonly number[] => {
      for (const [slot, { far }] of pairs.entries()) {
        ring.queueReceive(slot, far);
      }
      ring.flush();
      return [ring.result(0), ring.result(1)];
    };
    assert.deepEqual(attempt(), [4, -ERRNO.again]);
    isRefusing = false;
    assert.deepEqual(attempt(), [-ERRNO.again, 4]);
    ring.close();
  },
);
