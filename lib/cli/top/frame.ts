/**
 * What `top` shows, as lines of one terminal: a head and a foot that stay, and
 * between them as much of the body as fits. Knows no terminal.
 */
import { cut } from "./columns_of_text.ts";

/** What a line is; how that looks is decided in {@link painted}. */
export type Look = "plain" | "bar" | "strong" | "bad" | "soft";

/** One line, not yet cut to a size. */
export interface Line {
  readonly text: string;
  readonly look: Look;
}

/** One page of `top`. */
export interface Frame {
  /** The first line says which cluster this is, the last ones what stands below. */
  readonly head: readonly Line[];
  readonly body: readonly Line[];
  /** The last line names the keys. */
  readonly foot: readonly Line[];
}

/** Of a terminal; `rows` may be infinite: nothing is left out. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A page as it fits. */
export interface Fitted {
  readonly lines: readonly Line[];
  /** The first line of the body that is shown, within its bounds. */
  readonly offset: number;
  /** Lines of the body that are shown at a time. */
  readonly room: number;
}

/** Fewer lines of the body help nobody: head and foot give way. */
const BODY_ROWS_MIN = 3;

const SGR: Readonly<Record<Look, string>> = {
  plain: "",
  bar: "\x1b[7m",
  strong: "\x1b[1m",
  bad: "\x1b[31m",
  soft: "\x1b[2m",
};
const SGR_END = "\x1b[0m";

/** A line that is only text. */
export function line(text: string, look: Look = "plain"): Line {
  return { text, look };
}

/**
 * The page in that size: never more rows nor more columns.
 *
 * @param offset The first line of the body that is wanted.
 */
export function fitted(frame: Frame, size: Size, offset: number): Fitted {
  const { columns, rows } = size;
  const { head, foot } = partsThatFit(frame, rows);
  const left = Math.max(0, rows - head.length - foot.length);
  const isAll = frame.body.length <= left;
  // One row says that there is more.
  const room = isAll ? frame.body.length : Math.max(0, left - 1);
  const last = Math.max(0, frame.body.length - room);
  const first = Math.min(Math.max(0, offset), last);
  const shown = frame.body.slice(first, first + room);
  const filler = isAll && Number.isFinite(left)
    ? Array.from({ length: left - room }, () => line(""))
    : [];
  const more = line(
    `lines ${first + 1} to ${first + shown.length} of ` +
      `${frame.body.length}: arrows, PgUp, PgDn`,
    "soft",
  );
  const lines = [
    ...[...head, ...shown],
    ...(isAll || left === 0 ? [] : [more]),
    ...[...filler, ...foot],
  ].map(({ text, look }) => line(cut(text, columns), look));
  return { lines, offset: first, room };
}

type Parts = Pick<Frame, "head" | "foot">;

function partsThatFit({ head, foot }: Frame, rows: number): Parts {
  const forms: readonly Parts[] = [
    { head, foot },
    { head, foot: foot.slice(-1) },
    { head: head.slice(0, 1), foot: foot.slice(-1) },
    { head: head.slice(0, 1), foot: [] },
  ];
  return forms.find((form) =>
    rows - form.head.length - form.foot.length >= BODY_ROWS_MIN
  ) ?? { head: [], foot: [] };
}

/** The line with colours, for a terminal. */
export function painted({ text, look }: Line): string {
  return look === "plain" ? text : `${SGR[look]}${text}${SGR_END}`;
}
