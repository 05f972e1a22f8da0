/** Section `certificates`, ours: those that `init` and `join` made. */
import { Wanted } from "../fields.ts";
import {
  type KeyMap,
  section,
  type SectionOf,
  type ValueType,
} from "../keys/key.ts";
import { textOrNone } from "../keys/types.ts";
import { parseReal } from "../../core/base/scalars.ts";

const DAY_MS = 86_400_000;
/**
 * Certificates are dated back by an hour and renewed when a third is left: shorter
 * ones would be due again as soon as they are there.
 */
const DAYS_MIN = 1;
/** Longer ones would be forgotten, not renewed. */
const DAYS_MAX = 3_650;

/** Days, not only whole ones, as milliseconds. */
const daysMs: ValueType<number> = {
  read: (value) => {
    const days = parseReal(value);
    return days !== null && days >= DAYS_MIN && days <= DAYS_MAX
      ? Math.round(days * DAY_MS)
      : new Wanted(`days, from ${DAYS_MIN} to ${DAYS_MAX}`);
  },
  check: null,
  variable: "text",
};

/** The keys of the section. */
export const CERTIFICATES_KEYS = {
  dir: {
    type: textOrNone,
    apply: "agent",
    meaning:
      "Ours: folder of the cluster's own certificates; the agent renews them there",
  },
  lifetime: {
    type: daysMs,
    field: "lifetimeMs",
    fallback: 180,
    meaning: "Ours: days that a certificate counts that this member signs",
  },
} as const satisfies KeyMap;

/** Section `certificates` as the agent uses it. */
export type CertificatesConfig = SectionOf<typeof CERTIFICATES_KEYS>;

/** The section. */
export const certificates = section(CERTIFICATES_KEYS);
