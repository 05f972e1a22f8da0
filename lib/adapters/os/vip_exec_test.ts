/**
 * Addresses that a program moves: called with the lease only, again until it
 * succeeds, ended in time, released before it is somebody else's. The programs are
 * real ones, which write down how they are called.
 */
import assert from "node:assert/strict";
import { KeptLog, RealClock, until } from "../../../tests/helpers/tcp.ts";
import { after, moment } from "../../core/base/units.ts";
import { BARE_VIP, NO_INTERFACE, type Vip } from "../../core/model/vip.ts";
import type { VipPart } from "../../core/calc/host/vip.ts";
import { VipExec } from "./vip_exec.ts";

const SCRIPT = `#!/bin/sh
dir=$(dirname "$0")
echo "$1 $2 $VIP_ROLE" >> "$dir/calls"
[ -e "$dir/hang_$1" ] && { sleep 60 & wait; }
[ -e "$dir/fail_$1" ] && { echo "the cloud says no"; exit 3; }
exit 0
`;

/** A carrier with a program that does as files beside it say. */
class Rig implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "matriarch-cloud-" });
  readonly clock = new RealClock();
  readonly log = new KeptLog();
  readonly moves: string[] = [];
  readonly carrier: VipExec;
  readonly vip: Vip;

  constructor(options: Partial<Vip> & { readonly isShortLived?: true } = {}) {
    const { isShortLived = false, ...more } = options;
    const path = `${this.folder}/cloud`;
    Deno.writeTextFileSync(path, SCRIPT, { mode: 0o755 });
    const { clock, log } = this;
    const hooks = {
      moved: (vip: Vip, what: string) =>
        void this.moves.push(`${what} ${vip.address}`),
    };
    this.carrier = new VipExec({ clock, log, hooks, isShortLived });
    this.vip = {
      ...{ address: "10.0.0.9", prefixLength: 32, interface: NO_INTERFACE },
      ...{ role: "primary", gateway: null, isReplicaFallback: false },
      ...{ announceEveryMs: null, ...BARE_VIP },
      exec: { words: [path], timeoutMs: 5_000 },
      ...more,
    };
  }

  command(timeoutMs: number): Vip {
    const words = this.vip.exec?.words ?? [];
    return { ...this.vip, exec: { words, timeoutMs } };
  }

  want(part: VipPart, vip = this.vip): void {
    this.carrier.reconcile([{ vip, part }]);
  }

  carry(ms = 60_000, vip = this.vip): void {
    this.want({ kind: "carry", until: after(this.clock.now(), ms) }, vip);
  }

  calls(): readonly string[] {
    try {
      const text = Deno.readTextFileSync(`${this.folder}/calls`);
      return text.trim().split("\n");
    } catch {
      return [];
    }
  }

  async untilCalled(calls: readonly string[]): Promise<void> {
    const wanted = calls.map((call) => `${call} 10.0.0.9 primary`);
    await until(
      calls.join(),
      () => this.calls().join() === wanted.join(),
      () => [this.calls(), this.log.lines],
    );
  }

  async untilMoved(moves: readonly string[]): Promise<void> {
    const wanted = moves.map((move) => `${move} 10.0.0.9`).join();
    await until(wanted, () => this.moves.join() === wanted, () => this.moves);
  }

  does(what: string): void {
    Deno.writeTextFileSync(`${this.folder}/${what}`, "");
  }

  doesNot(what: string): void {
    Deno.removeSync(`${this.folder}/${what}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.carrier.close();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

Deno.test("vip exec: acquired with the lease, released without it", async () => {
  await using rig = new Rig();
  rig.carry();
  await rig.untilMoved(["bound"]);
  assert.deepEqual(rig.carrier.bound.map(({ isDuplicate }) => isDuplicate), [
    false,
  ]);
  await rig.carrier.dropAll([rig.vip]);
  await rig.untilMoved(["bound", "released"]);
  await rig.untilCalled(["acquire", "release"]);
  assert.deepEqual(rig.carrier.bound, []);
  rig.carry();
  await rig.untilCalled(["acquire", "release", "acquire"]);
});

Deno.test("vip exec: what a process before may have left here is released", async () => {
  await using rig = new Rig();
  rig.want({ kind: "none" });
  await rig.untilCalled(["release"]);
  assert.deepEqual(rig.moves, [], "nothing has moved");
});

Deno.test("vip exec: the end of the lease releases it, also if nobody says so", async () => {
  await using rig = new Rig();
  rig.carry(1_500);
  await rig.untilCalled(["acquire", "release"]);
  await rig.untilMoved(["bound", "released"]);
});

Deno.test("vip exec: too little of the lease acquires nothing", async () => {
  await using rig = new Rig();
  rig.carry(500);
  await rig.untilCalled(["release"]);
});

Deno.test("vip exec: called again until it succeeds", async () => {
  await using rig = new Rig();
  rig.does("fail_acquire");
  rig.carry();
  await until(
    "it is said",
    () =>
      rig.log.lines.some((line) =>
        /ERROR Cannot acquire VIP 10\.0\.0\.9: its command ended with code 3 \(the cloud says no\); it is tried again/
          .test(line)
      ),
    () => rig.log.lines,
  );
  assert.deepEqual(rig.carrier.bound.map(({ isDuplicate }) => isDuplicate), [
    true,
  ], "it may be here, and cannot be counted on");
  rig.doesNot("fail_acquire");
  await rig.untilMoved(["bound"]);
  rig.does("fail_release");
  rig.want({ kind: "none" });
  await until(
    "a release failed",
    () => rig.log.lines.some((line) => line.includes("Cannot release VIP")),
  );
  rig.doesNot("fail_release");
  await rig.untilMoved(["bound", "released"]);
});

Deno.test("vip exec: a program that hangs is killed, and nobody waits for it", async () => {
  await using rig = new Rig();
  rig.does("hang_acquire");
  const vip = rig.command(300);
  rig.carry(60_000, vip);
  await until(
    "it is said",
    () =>
      rig.log.lines.some((line) =>
        line.includes("its command took longer than 0.3 s")
      ),
    () => rig.log.lines,
  );
  rig.carry(60_000);
  await until("it hangs again", () => rig.calls().length === 2);
  // A demotion ends the acquire, and releases.
  await rig.carrier.dropAll([rig.vip]);
  await rig.untilCalled(["acquire", "acquire", "release"]);
  rig.doesNot("hang_acquire");
  rig.carry();
  await rig.untilMoved(["released", "bound"]);
  rig.does("hang_release");
  const done = rig.carrier.dropAll([rig.vip]);
  await done;
  assert.ok(!rig.moves.slice(2).includes("released 10.0.0.9"));
});

Deno.test("vip exec: acquired once more when no call of the owner before can be under way", async () => {
  await using rig = new Rig();
  const vip = rig.command(1_000);
  rig.carry(60_000, vip);
  await rig.untilCalled(["acquire", "acquire"]);
  await rig.untilMoved(["bound"]);
});

Deno.test("vip exec: and again as often as it is to be announced", async () => {
  await using rig = new Rig({ announceEveryMs: 1_000 });
  rig.carry(60_000, { ...rig.command(1_000), announceEveryMs: 1_000 });
  await rig.untilCalled(["acquire", "acquire", "acquire"]);
});

Deno.test("vip exec: kept, but not taken", async () => {
  await using rig = new Rig();
  const keep = { kind: "keep", until: after(rig.clock.now(), 60_000) } as const;
  rig.want(keep);
  rig.carry();
  await rig.untilCalled(["acquire"]);
  rig.want(keep);
  rig.want({ kind: "none" });
  await rig.untilCalled(["acquire", "release"]);
});

Deno.test("vip exec: a fence tries to release for as long as one call may take", async () => {
  await using rig = new Rig({ isShortLived: true });
  rig.does("fail_release");
  const vip = rig.command(1_500);
  await rig.carrier.dropAll([vip]);
  await until("it was called", () => rig.calls().length > 0);
  const before = moment(rig.clock.now());
  await until("its time is over", () => rig.clock.now() - before > 2_500);
  const { length } = rig.calls();
  assert.equal(length, 1);
});

Deno.test("vip exec: a program that is not there is said", async () => {
  await using rig = new Rig();
  const exec = { words: [`${rig.folder}/none`], timeoutMs: 1_000 };
  rig.carry(60_000, { ...rig.vip, exec });
  await until(
    "it is said",
    () =>
      rig.log.lines.some((line) =>
        /Cannot acquire VIP 10\.0\.0\.9: its command cannot be started/.test(
          line,
        )
      ),
    () => rig.log.lines,
  );
});
