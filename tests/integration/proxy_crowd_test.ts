/** Many clients of one thread at the same time: nobody gets what is another's, and nobody's end is anybody else's. */
import assert from "node:assert/strict";
import { CallRing } from "../../proxy/native/call_ring.ts";
import { loadLibc } from "../../proxy/native/libc.ts";
import { echoBackend, sendAll, startupPacket, until } from "../helpers/tcp.ts";
import { ProxyRig, type RigOptions } from "./proxy_rig.ts";

const TALKERS = 40;
const ROUNDS = 40;
/** From one byte to more than a thread takes at once, and around its steps. */
const SIZES = [1, 90, 4_000, 16_319, 16_320, 16_321, 50_000] as const;
/** More than the kernel keeps for a client that does not read. */
const SLOW_BYTES = 24 * 1024 * 1024;
const BREAKERS = 4;
const DEADLINE_MS = 60_000;
const GREETING = "n1\n";

const libc = loadLibc();
/** Where there is no io_uring the first two ways are the same. */
const BEST = libc !== null && CallRing.isPossible(libc) ? "io_uring" : "epoll";

/** One thread, so that all meet in it; and what the statistics say of it. */
const WAYS: readonly (readonly [string, RigOptions, RegExp])[] = [
  [
    "many calls at once",
    { workers: 1, isRingWanted: true },
    RegExp(`^workers .1, ${BEST}.$`),
  ],
  [
    "one call at a time",
    { workers: 1, isRingWanted: false },
    /^workers .1, epoll.$/,
  ],
  ["portable", { front: "portable" }, /^portable/],
];

/** What `who` says at a place of its stream; no two of them say the same. */
function byteAt(who: number, place: number): number {
  return (who * 31 + place) % 251;
}

class Talker {
  readonly #conn: Deno.TcpConn;
  readonly #who: number;
  #sent = 0;
  #heard = 0;

  constructor(conn: Deno.TcpConn, who: number) {
    this.#conn = conn;
    this.#who = who;
  }

  static async connect(rig: ProxyRig, who: number): Promise<Talker> {
    const port = rig.proxy.ports.primary;
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await sendAll(conn, startupPacket());
    const greeting = new Uint8Array(GREETING.length);
    for (let had = 0; had < greeting.length;) {
      const count = await conn.read(greeting.subarray(had));
      assert.ok(count !== null);
      had += count;
    }
    assert.equal(new TextDecoder().decode(greeting), GREETING);
    return new Talker(conn, who);
  }

  async say(count: number): Promise<void> {
    const bytes = Uint8Array.from(
      { length: count },
      (_, i) => byteAt(this.#who, this.#sent + i),
    );
    this.#sent += count;
    await sendAll(this.#conn, bytes);
  }

  /** The echo of so many bytes. */
  async hear(count: number): Promise<void> {
    const buffer = new Uint8Array(100_000);
    for (let missing = count; missing > 0;) {
      const room = buffer.subarray(0, Math.min(missing, buffer.length));
      const length = await this.#conn.read(room);
      assert.ok(length !== null, `${this.#who} was cut off`);
      for (let i = 0; i < length; i++) {
        const wanted = byteAt(this.#who, this.#heard + i);
        if (room[i] !== wanted) assert.fail(`${this.#who} heard another one`);
      }
      this.#heard += length;
      missing -= length;
    }
  }

  /** Ends its half, hears the rest and the end. */
  async finish(): Promise<void> {
    await this.#conn.closeWrite();
    await this.hear(this.#sent - this.#heard);
    assert.equal(await this.#conn.read(new Uint8Array(1)), null);
    this.close();
  }

  close(): void {
    this.#conn.close();
  }
}

async function talk(rig: ProxyRig, who: number): Promise<void> {
  const talker = await Talker.connect(rig, who);
  for (let round = 0; round < ROUNDS; round++) {
    const count = SIZES[(who + round) % SIZES.length] ?? 1;
    await talker.say(count);
    // The last answer is heard after the own end.
    if (round < ROUNDS - 1) await talker.hear(count);
  }
  await talker.finish();
}

/** Sends for as long as it can before it reads anything. */
async function talkSlowly(
  rig: ProxyRig,
  who: number,
  othersAreDone: Promise<unknown>,
): Promise<void> {
  const talker = await Talker.connect(rig, who);
  const sending = talker.say(SLOW_BYTES);
  await othersAreDone;
  await talker.hear(SLOW_BYTES);
  await sending;
  await talker.finish();
}

/** Goes away with answers unread, which the kernel tells the proxy as an error; comes again. */
async function breakOff(
  rig: ProxyRig,
  who: number,
  isOver: () => boolean,
): Promise<number> {
  let times = 0;
  while (!isOver()) {
    const talker = await Talker.connect(rig, who);
    await talker.say(20_000);
    await talker.hear(1);
    talker.close();
    times++;
  }
  return times;
}

for (const [way, options, kind] of WAYS) {
  Deno.test(`proxy keeps a crowd of clients apart (${way})`, async () => {
    await using backend = echoBackend("n1");
    await using rig = await ProxyRig.open(options);
    assert.match(rig.proxy.stats().dataPlane, kind);
    await rig.keys.primary("n1", backend.port);
    await rig.keys.lead("n1");
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const failed = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
    let isOver = false;
    const talks = Promise.all(
      Array.from({ length: TALKERS }, (_, who) => talk(rig, who)),
    );
    const breaks = Array.from(
      { length: BREAKERS },
      (_, i) => breakOff(rig, 100 + i, () => isOver),
    );
    const slow = talkSlowly(rig, 200, talks);
    await Promise.race([talks.finally(() => isOver = true), failed]);
    await Promise.race([slow, failed]);
    const times = await Promise.all(breaks);
    assert.ok(times.every((count) => count > 0));
    await until(
      "all sessions are over",
      () => rig.proxy.state().sessions === 0,
      () => rig.proxy.stats().backends,
    );
  });
}
