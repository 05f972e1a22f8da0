/** States that differ by the numbers of their revisions only are one state. */
import type { FencingState, Message, Run } from "./fencing_state.ts";

/**
 * The same state with the least numbers; the present revision is the highest, so
 * that the next one is new.
 *
 * @param isTidy What came of commands under claims that are gone is dropped: the
 * product never asks for it.
 */
export function renumbered(state: FencingState, isTidy: boolean): FencingState {
  const numbers = new Map<number, number>([[0, 0], [-1, -1]]);
  for (const used of revisionsOf(state)) {
    if (used === state.revision || numbers.has(used)) continue;
    numbers.set(used, numbers.size - 1);
  }
  if (state.revision > 0) numbers.set(state.revision, numbers.size - 1);
  const short = (revision: number): number => numbers.get(revision) ?? 0;
  const inMessage = (message: Message): Message =>
    message.kind === "fence" || message.kind === "take"
      ? { ...message, guard: short(message.guard) }
      : message;
  const inRun = (run: Run): Run => ({ ...run, claim: short(run.claim) });
  return {
    ...state,
    revision: short(state.revision),
    hosts: state.hosts.map((host) => {
      const { message, run, ended } = host;
      const isOld = isTidy && ended?.run.claim !== state.revision;
      return {
        ...host,
        message: message === null ? null : inMessage(message),
        run: run === null ? null : inRun(run),
        ended: ended === null || isOld
          ? null
          : { ...ended, run: inRun(ended.run) },
      };
    }),
    late: state.late.map(({ from, message }) => ({
      from,
      message: inMessage(message),
    })),
  };
}

function revisionsOf({ hosts, late }: FencingState): readonly number[] {
  const messages = [
    ...hosts.map(({ message }) => message),
    ...late.map(({ message }) => message),
  ];
  return [
    ...messages.flatMap((message) =>
      message?.kind === "fence" || message?.kind === "take"
        ? [message.guard]
        : []
    ),
    ...hosts.flatMap(({ run, ended }) =>
      [run, ended?.run].flatMap((each) => each == null ? [] : [each.claim])
    ),
  ];
}
