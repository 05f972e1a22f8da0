/**
 * How long the C library tries to find the address of a name. By itself it asks
 * each server for 5 s, twice. Deno has 32 threads for all that blocks, files
 * included, and each lookup keeps one: where no server answers (it was on the
 * lost host, or a container network has no way out), lookups of one lost
 * member's name take all of them within seconds, and the agent stands still.
 *
 * Source: resolv.conf(5), RES_OPTIONS; Deno 2.9, max_blocking_threads.
 */

const VARIABLE = "RES_OPTIONS";
/** Seconds for each server and attempt. */
const BOUNDS = "timeout:1 attempts:2";

/** For lookups that begin later: call it before the program's code is loaded. */
export function boundNameLookups(): void {
  const given = Deno.env.get(VARIABLE) ?? "";
  // The operator has decided.
  if (/\b(?:timeout|attempts):/.test(given)) return;
  Deno.env.set(VARIABLE, `${given} ${BOUNDS}`.trim());
}
