/** How long things of a cluster count, in milliseconds. */

const DAY_MS = 86_400_000;

/** An authority; `certs rotate` makes another one long before. */
export const AUTHORITY_MS = 3_650 * DAY_MS;
/** A host's certificate; it is renewed when a third of that is left. */
export const CERTIFICATE_MS = 180 * DAY_MS;
/** A token, unless somebody says otherwise. */
export const TOKEN_MS = DAY_MS;
/** Two clocks that are further apart get no certificate to agree on. */
export const CLOCK_OFF_MS_MAX = 60_000;

/** Whether a certificate should be replaced now. */
export function isRenewalDue(
  { notBeforeMs, notAfterMs }: {
    readonly notBeforeMs: number;
    readonly notAfterMs: number;
  },
  nowMs: number,
): boolean {
  return notAfterMs - nowMs < (notAfterMs - notBeforeMs) / 3;
}

/** Whether it should have been replaced long ago: half of the time for that is over. */
export function isRenewalOverdue(
  { notBeforeMs, notAfterMs }: {
    readonly notBeforeMs: number;
    readonly notAfterMs: number;
  },
  nowMs: number,
): boolean {
  return notAfterMs - nowMs < (notAfterMs - notBeforeMs) / 6;
}
