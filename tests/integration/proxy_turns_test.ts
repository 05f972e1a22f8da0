/**
 * What clients say while their backend is drained: each turn waits a moment, and
 * is not passed on if the backend ends the session meanwhile. Turns are held
 * here for much longer than a test takes, or not noticeably, so that no test
 * measures time.
 */
import assert from "node:assert/strict";
import {
  readStartup,
  sendAll,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { type ProxyRig, testFronts } from "./proxy_rig.ts";

/** One thread: whoever is held there knows the table that holds turns, too. */
const SOLE = { workers: 1 };
const FOR_EVER = { ...SOLE, turnHoldMs: 3_600_000 };
const BARELY = { ...SOLE, turnHoldMs: 1 };
const REQUEST = JSON.stringify({ leader: "n1", member: "n2" });
/** ReadyForQuery: outside a transaction, or in one. */
const IDLE = "Z\0\0\0\x05I";
const OPEN = "Z\0\0\0\x05T";

/**
 * A backend that speaks when the test says so, and keeps what it was told. Only
 * its first client counts.
 */
class SpokenBackend extends TestBackend {
  readonly heard: string[];
  #connection: Deno.TcpConn | null = null;

  constructor() {
    const heard: string[] = [];
    super(async (connection) => {
      const isFirst = this.#connection === null;
      this.#connection ??= connection;
      await readStartup(connection);
      await sendAll(connection, new TextEncoder().encode("hello\n"));
      const buffer = new Uint8Array(1024);
      for (let n; (n = await connection.read(buffer)) !== null;) {
        const text = new TextDecoder().decode(buffer.subarray(0, n));
        if (isFirst) heard.push(text);
      }
      if (isFirst) heard.push("end");
    });
    this.heard = heard;
  }

  async say(text: string): Promise<void> {
    if (this.#connection === null) throw new Error("nobody is connected");
    await sendAll(this.#connection, new TextEncoder().encode(text));
  }

  /** Ends its own half and goes on listening. */
  async leave(): Promise<void> {
    await this.#connection?.closeWrite();
  }

  async untilHeard(text: string): Promise<void> {
    await until(
      `the backend hears ${text}`,
      () => this.heard.includes(text),
      () => this.heard,
    );
  }
}

/** A client that is connected to the leader. */
async function joined(
  rig: ProxyRig,
  backend: TestBackend,
): Promise<TestClient> {
  await rig.keys.primary("n1", backend.port);
  await rig.keys.lead("n1");
  const client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("hello\n");
  return client;
}

/**
 * The leader is asked to hand over, and the thread of the sessions has heard of
 * it: a client that came later has waited there until it went away.
 */
async function drained(rig: ProxyRig): Promise<void> {
  await rig.keys.put("failover", REQUEST);
  const gone = (): number => rig.proxy.stats().ports.primary.gone;
  for (const before = gone(); gone() === before;) {
    {
      await using probe = await TestClient.connect(rig.proxy.ports.primary);
      const isWaiting = (): boolean => rig.proxy.state().held === 1;
      await until(
        "a new client waits or gets on",
        () => isWaiting() || probe.text !== "",
      );
    }
    await until("it is gone", () => rig.proxy.state().held === 0);
  }
}

testFronts(
  "proxy holds a turn back until a switchover is called off",
  async (open) => {
    await using rig = await open(FOR_EVER);
    await using backend = new SpokenBackend();
    await using client = await joined(rig, backend);
    await client.send("before");
    await backend.untilHeard("before");
    await drained(rig);
    await client.send("during");
    // A client that comes and goes later shows that the proxy has seen it.
    await drained(rig);
    backend.heard.push("called off");
    await rig.keys.remove("failover");
    await backend.untilHeard("during");
    assert.deepEqual(backend.heard, ["before", "called off", "during"]);
    await backend.say("again\n");
    await client.untilText("again\n");
    await client.send("after");
    await backend.untilHeard("after");
  },
);

testFronts(
  "proxy never passes a turn on to a backend that ends meanwhile",
  async (open) => {
    await using rig = await open(FOR_EVER);
    await using backend = new SpokenBackend();
    await using client = await joined(rig, backend);
    await drained(rig);
    await client.send("begin");
    await backend.say("FATAL");
    await backend.leave();
    await client.untilText("FATAL");
    await client.untilEnd();
    await rig.keys.remove("failover");
    await client.conn.closeWrite();
    await until("the session is over", () => rig.proxy.state().sessions === 0);
    await backend.untilHeard("end");
    assert.deepEqual(backend.heard, ["end"]);
  },
);

testFronts(
  "proxy drops what comes after a drained backend has ended",
  async (open) => {
    await using rig = await open(BARELY);
    await using backend = new SpokenBackend();
    await using client = await joined(rig, backend);
    await drained(rig);
    await backend.say("FATAL");
    await backend.leave();
    await client.untilEnd();
    await client.send("begin");
    await client.conn.closeWrite();
    await backend.untilHeard("end");
    assert.deepEqual(backend.heard, ["end"]);
  },
);

testFronts(
  "proxy holds no turn of a client that is seen to be in a transaction",
  async (open) => {
    await using rig = await open(FOR_EVER);
    await using backend = new SpokenBackend();
    await using client = await joined(rig, backend);
    await drained(rig);
    await backend.say(OPEN);
    await client.untilText(OPEN);
    await client.send("insert");
    await backend.untilHeard("insert");
    await backend.say(IDLE);
    await client.untilText(IDLE);
    await client.send("begin");
    await drained(rig);
    backend.heard.push("called off");
    await rig.keys.remove("failover");
    await backend.untilHeard("begin");
    assert.deepEqual(backend.heard, ["insert", "called off", "begin"]);
  },
);

testFronts(
  "proxy passes each turn on after its wait, in order",
  async (open) => {
    await using rig = await open(BARELY);
    await using backend = new SpokenBackend();
    await using client = await joined(rig, backend);
    await drained(rig);
    for (let turn = 0; turn < 20; turn++) {
      await client.send(`${turn}`);
      await backend.untilHeard(`${turn}`);
      await backend.say(`answer ${turn}\n`);
      await client.untilText(`answer ${turn}\n`);
    }
    assert.equal(backend.heard.join(), [...Array(20).keys()].join());
  },
);

testFronts(
  "proxy lets a client upload while its backend is drained, and leave while it waits",
  async (open) => {
    const sizeBytes = 24 * 1024 * 1024;
    await using rig = await open(BARELY);
    let received = 0;
    await using backend = new TestBackend(async (connection) => {
      await readStartup(connection);
      await sendAll(connection, new TextEncoder().encode("hello\n"));
      const buffer = new Uint8Array(256 * 1024);
      for (let n; (n = await connection.read(buffer)) !== null;) received += n;
    });
    await using client = await joined(rig, backend);
    const half = new Uint8Array(sizeBytes / 2);
    await client.send(half);
    await drained(rig);
    await client.send(half);
    await client.conn.closeWrite();
    await until(
      "all of it has come",
      () => received === sizeBytes,
      () => received,
    );
    await client.untilEnd();
  },
);

testFronts(
  "proxy closes a session whose client waits for its turn when the leader is another",
  async (open) => {
    await using rig = await open(FOR_EVER);
    await using backend = new SpokenBackend();
    await using next = new SpokenBackend();
    await using client = await joined(rig, backend);
    await drained(rig);
    await client.send("begin");
    await rig.keys.primary("n2", next.port);
    await rig.keys.lead("n2");
    await client.untilEnd();
    await backend.untilHeard("end");
    assert.deepEqual(backend.heard, ["end"]);
  },
);
