/** What `doctor` says. */

/** What is wrong, and what helps. */
export interface Finding {
  /** "critical": clients feel it, or the next failure will end in none to lead. */
  readonly level: "critical" | "warning";
  readonly sentence: string;
  readonly remedy: string;
}
