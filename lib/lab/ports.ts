/** Which TCP ports a lab uses, and whether they are free before anything starts. */

/** A port with what it is for, as it reads in an error. */
export interface PortUse {
  readonly port: number;
  readonly use: string;
}

/** Ports are in use; the message says which. */
export class LabPortError extends Error {
  override readonly name: string = "LabPortError";
}

/** A second lab would name all its ports otherwise. */
const SHOWN_MAX = 3;

/** Whether nothing listens on `port` of loopback or of all addresses. */
function isPortFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/**
 * One sentence about the ports that are taken.
 *
 * @returns null if all are free.
 */
export function takenPorts(uses: readonly PortUse[]): string | null {
  const taken = uses.filter((use) => !isPortFree(use.port));
  if (taken.length === 0) return null;
  const shown = taken.slice(0, SHOWN_MAX);
  const list = shown.map((use) => `${use.port} (${use.use})`).join(", ") +
    (taken.length > SHOWN_MAX ? ` and ${taken.length - SHOWN_MAX} more` : "");
  const noun = taken.length === 1 ? "Port" : "Ports";
  const verb = taken.length === 1 ? "is" : "are";
  return `${noun} ${list} on 127.0.0.1 ${verb} already in use: ` +
    "stop what listens there, or choose others with --port-base.";
}
