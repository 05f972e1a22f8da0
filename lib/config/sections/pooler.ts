/** Section `pooler`, ours: PgBouncers that are held during a switchover. */
import { Wanted } from "../fields.ts";
import {
  type KeyMap,
  section,
  type SectionOf,
  type ValueType,
} from "../keys/key.ts";
import { changed, durationMs, textList } from "../keys/types.ts";

/** One URL, or several; passwords may have commas. */
const admins: ValueType<readonly string[]> = changed(
  {
    ...textList,
    read: (value) => typeof value === "string" ? [value] : textList.read(value),
  },
  (urls) =>
    urls.every(isAdminUrl) ? urls : new Wanted(
      "URLs such as postgres://matriarch:secret@10.0.0.5:6432/pgbouncer",
    ),
);

function isAdminUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^postgres(?:ql)?:$/.test(url.protocol) &&
    url.hostname !== "";
}

/** The keys of `pooler.pgbouncer`. */
const PGBOUNCER_KEYS = {
  admin: {
    type: admins,
    isRequired: true,
    meaning:
      "Ours: admin console of each PgBouncer whose clients write to this cluster",
  },
  databases: {
    type: textList,
    fallback: [],
    otherwise: "all",
    meaning: "Ours: databases of it that lead to this cluster",
  },
  pause_timeout: {
    type: durationMs,
    field: "pauseTimeoutMs",
    fallback: 5,
    meaning:
      "Ours: seconds that transactions have to end before a switchover goes on without",
  },
  max_pause: {
    type: durationMs,
    field: "pauseMsMax",
    fallback: 60,
    meaning: "Ours: seconds after which clients go on, whatever there is",
  },
} as const satisfies KeyMap;

/** The keys of the section. */
export const POOLER_KEYS = {
  pgbouncer: { type: section(PGBOUNCER_KEYS), keys: PGBOUNCER_KEYS },
} as const satisfies KeyMap;

/** Section `pooler`. */
export type PoolerConfig = SectionOf<typeof POOLER_KEYS>;
