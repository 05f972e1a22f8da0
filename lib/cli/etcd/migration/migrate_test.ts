/**
 * A host moves between two stores in memory: the plug is pulled before each of
 * the changes that the command makes, and the command is given again.
 */
import assert from "node:assert/strict";
import {
  FakeHost,
  fakeWorld,
  memoryScope,
  memoryStore,
  PowerLoss,
} from "../../../../tests/helpers/setup_world.ts";
import type { Dcs } from "../../../ports/dcs.ts";
import { DEMO_KEYS, type Outcome, runIn } from "../../fake_context_test.ts";

const FORMER = "scope: demo\nname: n1\netcd3: {host: 127.0.0.1:1}\n";
const NEXT = "scope: demo\nname: n1\netcd3: {host: 127.0.0.1:2}\n";
const PATH = "/etc/m.yml";
type MemoryStore = ReturnType<typeof memoryStore>;

const LIMITS = { timeoutMs: 1 };
const COMMAND = ["-c", PATH, "etcd", "migrate", "/etc/next.yml"];

/** A cluster of one host whose agent lives in whichever store its file names. */
class Scene {
  readonly host = new FakeHost();
  readonly former = memoryStore();
  readonly next = memoryStore();
  /** Changes until the plug is pulled. */
  budget = Infinity;

  /** What the cluster's API says to a change of its configuration. */
  status = 200;

  async begin(config = DEMO_KEYS["config"] ?? ""): Promise<void> {
    const { "members/n2": _, "members/n3": __, ...keys } = DEMO_KEYS;
    await fill(this.former, { ...keys, config });
    await this.#disk(PATH, FORMER);
    await this.#disk("/etc/next.yml", NEXT);
  }

  run(...words: readonly string[]): Promise<Outcome> {
    const setup = fakeWorld(this.host, this.former);
    return runIn({
      programName: "matriarch",
      files: this.texts(),
      store: ({ config }) =>
        this.#counted(
          JSON.stringify(config).includes("127.0.0.1:1")
            ? this.former
            : this.next,
        ),
      setup: {
        ...setup,
        host: {
          ...setup.host,
          files: {
            ...this.host.files,
            write: async (file) => {
              this.#spend();
              await this.host.files.write(file);
            },
          },
          service: {
            stop: () => Promise.resolve(this.#spend()),
            start: () => Promise.resolve(this.#spend()),
          },
        },
      },
      sleepsMax: 1_000,
      reply: () => ({ status: this.status, body: "{}" }),
      sleep: () => this.agent(),
    }, [...COMMAND, ...words]);
  }

  /** One cycle: it pauses when told to, and writes its keys. */
  async agent(): Promise<void> {
    const isMoved = this.host.disk.get(PATH)?.text === NEXT;
    const store = isMoved ? this.next : this.former;
    const keys = await read(store);
    await fill(store, {
      ...(isMoved ? {} : { config: '{"pause":true}' }),
      leader: "n1",
      "members/n1": (keys["members/n1"] ?? "{}").replace(
        /^\{("pause":true,)?/,
        '{"pause":true,',
      ),
    });
  }

  texts(): Record<string, string> {
    const files = [...this.host.disk.values()];
    return Object.fromEntries(files.map(({ path, text }) => [path, text]));
  }

  async #disk(path: string, text: string): Promise<void> {
    await this.host.files.write({ path, mode: 0o600, owner: null, text });
  }

  #counted(store: MemoryStore): Dcs {
    const scope = memoryScope(store, "demo");
    return {
      capabilities: scope.capabilities,
      read: (limits) => scope.read(limits),
      readFresh: (limits) => scope.readFresh(limits),
      write: async (write, limits) => {
        this.#spend();
        return await scope.write(write, limits);
      },
      removeScope: (limits) => scope.removeScope(limits),
      openSession: (ttlMs, limits) => scope.openSession(ttlMs, limits),
      renewSession: (id, limits) => scope.renewSession(id, limits),
      watch: (listener, signal) => scope.watch(listener, signal),
      close: () => scope.close(),
    };
  }

  #spend(): void {
    if (this.budget <= 0) throw new PowerLoss("the plug was pulled");
    this.budget -= 1;
  }
}

async function fill(
  store: MemoryStore,
  keys: Readonly<Record<string, string>>,
): Promise<void> {
  const edits = Object.entries(keys).map(([key, value]) => ({
    ...{ kind: "put" as const, key, value, session: null },
  }));
  await memoryScope(store, "demo").write({ when: [], edits }, LIMITS);
}

async function read(
  store: MemoryStore,
): Promise<Readonly<Record<string, string>>> {
  const { entries } = await memoryScope(store, "demo").readFresh(LIMITS);
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

async function assertMoved(scene: Scene, isPaused: boolean): Promise<void> {
  const [former, next] = [await read(scene.former), await read(scene.next)];
  assert.equal(next["initialize"], DEMO_KEYS["initialize"]);
  assert.equal(next["leader"], "n1");
  assert.equal(next["migration"], undefined);
  assert.equal(former["migration"], undefined);
  const { pause = false } = JSON.parse(next["config"] ?? "{}");
  assert.equal(pause, isPaused);
  assert.equal(scene.texts()[PATH], NEXT);
  assert.equal(scene.texts()[`${PATH}.former`], FORMER);
}

Deno.test("a host moves, with its files and its keys", async () => {
  const scene = new Scene();
  await scene.begin();
  const { code, out, err } = await scene.run("--force");
  assert.equal(code, 0, err);
  assert.match(out, /demo is copied: \d+ keys/);
  assert.match(out, /automatic changes are on again/);
  await assertMoved(scene, false);
  const again = await scene.run("--force");
  assert.equal(again.code, 0, again.err);
  assert.match(again.out, /Nothing is left to do on this host/);
});

Deno.test("a scope that was paused stays paused", async () => {
  const scene = new Scene();
  await scene.begin('{"pause":true}');
  const { code, out, err } = await scene.run("--force");
  assert.equal(code, 0, err);
  assert.match(out, /paused as before/);
  await assertMoved(scene, true);
});

Deno.test("whenever the plug is pulled, the command given again ends the move", async () => {
  for (let budget = 0;; budget++) {
    const scene = new Scene();
    await scene.begin();
    scene.budget = budget;
    const first = await scene.run("--force");
    if (first.code === 0) {
      assert.ok(budget > 5, `${budget} changes`);
      break;
    }
    scene.budget = Infinity;
    const second = await scene.run("--force");
    assert.equal(second.code, 0, `after ${budget} changes: ${second.err}`);
    await assertMoved(scene, false);
  }
});

Deno.test("without a yes nothing changes", async () => {
  const scene = new Scene();
  await scene.begin();
  const before = await read(scene.former);
  const { code } = await scene.run();
  assert.equal(code, 1);
  assert.deepEqual(await read(scene.former), before);
  assert.deepEqual(await read(scene.next), {});
  assert.equal(scene.texts()[PATH], FORMER);
});

Deno.test("another cluster in the next store is left alone", async () => {
  const scene = new Scene();
  await scene.begin();
  for (const initialize of ["1", DEMO_KEYS["initialize"] ?? ""]) {
    await fill(scene.next, { initialize, leader: "x" });
    const { code, err } = await scene.run("--force");
    assert.equal(code, 1);
    assert.match(err, /The next store already has a cluster demo/);
    assert.equal((await read(scene.next))["leader"], "x");
  }
});

Deno.test("who may read the configuration may read the next one", async () => {
  const scene = new Scene();
  await scene.begin();
  assert.equal((await scene.run("--force")).code, 0);
  const { disk } = scene.host;
  assert.equal(disk.get(PATH)?.mode, null, "as it was");
  assert.equal(disk.get(PATH)?.owner, null, "as it was");
  assert.equal(disk.get(`${PATH}.former`)?.mode, 0o600);
});

Deno.test("two files with one store are no move, and nothing is to be removed", async () => {
  const scene = new Scene();
  await scene.begin();
  const other = `# Another text.\n${FORMER}`;
  await scene.host.files.write({
    ...{ path: "/etc/next.yml", text: other, mode: 0o600, owner: null },
  });
  const before = await read(scene.former);
  const { code, err } = await scene.run("--force");
  assert.equal(code, 1);
  assert.match(err, /Both files name the same store/);
  assert.doesNotMatch(err, /remove/);
  assert.deepEqual(await read(scene.former), before);
});

Deno.test("a next file that was mended meanwhile does not take the place of the former one", async () => {
  const scene = new Scene();
  await scene.begin();
  const calls = 7;
  scene.budget = calls;
  for (; scene.host.disk.get(PATH)?.text !== NEXT; scene.budget++) {
    await scene.run("--force");
  }
  scene.budget = Infinity;
  const mended = `${NEXT}# Mended.\n`;
  const next = { path: "/etc/next.yml", mode: 0o600, owner: null };
  await scene.host.files.write({ ...next, text: mended });
  const before = await read(scene.next);
  const { code, err } = await scene.run("--force");
  assert.equal(code, 1);
  assert.match(err, /cp \/etc\/m\.yml\.former \/etc\/m\.yml/);
  assert.equal(scene.texts()[`${PATH}.former`], FORMER);
  assert.deepEqual(await read(scene.next), before);
  await scene.host.files.write({ ...next, path: PATH, text: FORMER });
  await scene.host.files.write({ ...next, text: NEXT });
  const again = await scene.run("--force");
  assert.equal(again.code, 0, again.err);
  await assertMoved(scene, false);
});

Deno.test("a scope that cannot be paused is as it was", async () => {
  const scene = new Scene();
  await scene.begin();
  const before = await read(scene.former);
  scene.status = 503;
  const { code, err } = await scene.run("--force");
  assert.equal(code, 1);
  assert.match(err, /demo could not be paused .*; nothing has moved/);
  assert.deepEqual(await read(scene.former), before);
  assert.equal(scene.texts()[PATH], FORMER);
});
