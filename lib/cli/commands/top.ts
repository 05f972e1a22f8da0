/** `top`: the cluster page in a terminal, live. */
import type { Screen } from "../context.ts";
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  GROUP_OPTION,
  WATCH_OPTION,
} from "../definition.ts";
import { AbortedError, CliError, messageOf } from "../errors.ts";
import { Invocation } from "../invocation.ts";
import {
  print,
  printBlock,
  type Scope,
  type Session,
  withCluster,
} from "../session.ts";
import { fitted, painted } from "../top/frame.ts";
import { pressed, type TopPlace } from "../top/keys.ts";
import { lookAtMembers } from "../top/looks.ts";
import { pageFrame } from "../top/pages.ts";
import { ClusterWatch, noFacts, type WatchParts } from "../top/watch.ts";
import { changeLeader } from "./change_leader.ts";
import { rehearseSwitchover } from "./rehearsal.ts";

const EVERY_S = 2;
const EVERY_S_MIN = 0.5;
/** Of one frame without a terminal; the variable COLUMNS says another. */
const COLUMNS = 80;
const COLUMNS_MAX = 1_000;

/** `top`. */
export const TOP_COMMAND: CommandDefinition = {
  name: "top",
  isOwn: true,
  summary: "Watch a cluster on the whole terminal, live",
  arguments: [CLUSTER_ARGUMENT],
  options: [GROUP_OPTION, WATCH_OPTION, {
    flags: ["--once"],
    value: "none",
    help: "Print one picture and end, as without a terminal",
  }],
  run: async (invocation, session) => {
    const seconds = invocation.number("-w") ?? EVERY_S;
    if (!(seconds >= 0)) {
      throw new CliError("--watch wants a number of seconds");
    }
    const everyMs = Math.max(EVERY_S_MIN, seconds) * 1000;
    await withCluster(session, invocation, async (scope) => {
      const screen = invocation.has("--once")
        ? null
        : session.context.openScreen();
      if (screen === null) return await showOnce(session, scope);
      try {
        await new Top({ session, scope, screen, everyMs }).run();
      } finally {
        screen.close();
      }
    });
  },
};

/** One picture of all members, without colours. */
async function showOnce(session: Session, scope: Scope): Promise<void> {
  const { clock, environment } = session.context;
  const nothing = noFacts({ session, scope });
  const view = await scope.read();
  const looks = await lookAtMembers(session, view);
  const facts = { ...nothing, view, looks, readAtMs: clock.wallTimeMs() };
  const given = Number(environment["COLUMNS"]);
  const columns = Number.isInteger(given) && given > 0
    ? Math.min(given, COLUMNS_MAX)
    : COLUMNS;
  const frame = pageFrame(facts, "members", columns);
  // No keys without a terminal.
  const still = { ...frame, foot: frame.foot.slice(0, -1) };
  const { lines } = fitted(still, { columns, rows: Infinity }, 0);
  for (const { text } of lines) print(session, text.trimEnd());
}

interface TopParts extends Omit<WatchParts, "onChange"> {
  readonly screen: Screen;
}

/** Draws what is new and does what keys say, until somebody leaves. */
class Top {
  readonly #parts: TopParts;
  readonly #watch: ClusterWatch;
  #place: TopPlace = { page: "members", offset: 0 };
  /** Why the watch ended; null: it did not. */
  #failure: { readonly error: unknown } | null = null;

  constructor(parts: TopParts) {
    this.#parts = parts;
    const onChange = (): void => parts.screen.wake();
    this.#watch = new ClusterWatch({ ...parts, onChange });
  }

  async run(): Promise<void> {
    const { screen } = this.#parts;
    const ending = new AbortController();
    this.#watch.run(ending.signal).catch((error) => {
      this.#failure = { error };
      screen.wake();
    });
    try {
      for (;;) {
        const room = this.#draw();
        const event = await screen.next();
        if (this.#failure !== null) throw this.#failure.error;
        if (event.kind === "end") return;
        if (event.kind === "woken") continue;
        const asked = pressed(event.key, this.#place, room);
        if (asked.kind === "quit") return;
        if (asked.kind === "switchover") await this.#switchover();
        else this.#go(asked.place);
      }
    } finally {
      ending.abort();
    }
  }

  #go(place: TopPlace): void {
    this.#place = place;
    this.#watch.explain(place.page === "explain" ? "yes" : "no");
  }

  /** How many lines of the body are shown. */
  #draw(): number {
    const { screen } = this.#parts;
    const size = screen.size();
    const { page } = this.#place;
    const frame = pageFrame(this.#watch.facts, page, size.columns);
    const { lines, offset, room } = fitted(frame, size, this.#place.offset);
    this.#place = { page, offset };
    screen.draw(
      lines.map((line) => screen.isColored ? painted(line) : line.text),
    );
    return room;
  }

  /** As the command does it: what it would come to, its questions, its answer. */
  async #switchover(): Promise<void> {
    const { screen, session, scope: { name, group } } = this.#parts;
    const { terminal } = session.context;
    const values = new Map(group === null ? [] : [["--group", [group]]]);
    const invocation = new Invocation(values, [name]);
    await screen.lend(async () => {
      try {
        await rehearseSwitchover(invocation, session);
        await changeLeader("switchover", invocation, session);
      } catch (error) {
        // Ctrl-C at a question ends all of it.
        if (error instanceof AbortedError) throw error;
        printBlock(session, `Error: ${messageOf(error)}`);
      }
      terminal.write("Press Enter to go back: ");
      if (await terminal.readLine() === null) throw new AbortedError("left");
    });
  }
}
