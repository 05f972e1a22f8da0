/** A line of pg_hba.conf: who may come in from where, and how it is proven. */

/** One line, as far as this matters. */
export interface HbaRule {
  /** `local`, `host`, `hostssl` ... */
  readonly type: string;
  readonly databases: readonly string[];
  readonly users: readonly string[];
  /** An IP address, a host name, `all`, `samehost`, `samenet`; empty for `local`. */
  readonly address: string;
  /** Leading bits of the address that count; null where it is no IP address. */
  readonly bits: number | null;
  readonly method: string;
}
