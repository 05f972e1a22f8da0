/**
 * The fencing command of one agent in a simulated world: mostly it resets the
 * host and says so, else it fails, does it and fails, or hangs.
 */
import type {
  FencingCommand,
  FencingOrder,
} from "../../../lib/ports/fencing.ts";
import type { World } from "../world/world.ts";
import type { Bridge } from "./bridge.ts";

/** Longest part of a run: until the host is off, and until the command says so. */
const PART_MS_MAX = 4_000;
const BOOT_MS_MAX = 40_000;

/** What a run comes to. */
type Course = "works" | "fails" | "works_and_fails" | "hangs";

const COURSES: readonly Course[] = [
  ...["works", "works", "works", "works", "works"] as const,
  ...["fails", "works_and_fails", "hangs"] as const,
];

/** Who can switch hosts off. */
export interface PowerSwitch {
  readonly world: World;
  resetHost(
    name: string,
    why: { readonly who: string; readonly bootMs: number },
  ): void;
}

/** {@link FencingCommand} of one agent. */
export class MemoryFencing implements FencingCommand {
  readonly #driver: PowerSwitch;
  readonly #bridge: Bridge;

  constructor(driver: PowerSwitch, bridge: Bridge) {
    this.#driver = driver;
    this.#bridge = bridge;
  }

  async run(
    { host, attempt }: FencingOrder,
    { timeoutMs, signal }: {
      readonly timeoutMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { world } = this.#driver;
    const rng = world.rng("fencing");
    const course = this.course(world);
    const { name } = this.#bridge.host;
    world.note(name, `fences ${host}, attempt ${attempt}: ${course}`);
    world.hit("fencing_run");
    const isDone = await this.#bridge.untilAborted<boolean>(signal, (done) => {
      const partMs = (): number => rng.int(50, PART_MS_MAX);
      const bootMs = rng.int(500, BOOT_MS_MAX);
      if (course === "hangs") {
        return void world.timeline.after(timeoutMs, () => done(false));
      }
      world.timeline.after(partMs(), () => {
        if (course !== "fails") this.strike(host, bootMs);
        const isGood = course === "works";
        world.timeline.after(partMs(), () => done(isGood));
      });
    });
    if (!isDone) throw new Error(`the command against ${host} failed`);
  }

  /** What this run comes to. */
  protected course(world: World): Course {
    return world.rng("fencing").pick(COURSES);
  }

  /** Power is off; a while later it is on again. */
  protected strike(host: string, bootMs: number): void {
    if (this.#driver.world.isHealed) return;
    this.#driver.resetHost(host, { who: "a fencing command", bootMs });
  }
}

/** Says that it worked, and does nothing. */
export class LyingFencing extends MemoryFencing {
  protected override course(): Course {
    return "works";
  }

  protected override strike(): void {}
}
