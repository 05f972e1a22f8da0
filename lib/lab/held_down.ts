/** A member that was killed on purpose is started again when it is healed, not before. */

function pathOf(memberDirectory: string): string {
  return `${memberDirectory}/held-down`;
}

/** From now on nothing starts it. */
export function holdDown(memberDirectory: string): void {
  Deno.writeTextFileSync(pathOf(memberDirectory), "");
}

/** It may be started again. */
export function letUp(memberDirectory: string): void {
  try {
    Deno.removeSync(pathOf(memberDirectory));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether nothing may start it. */
export function isHeldDown(memberDirectory: string): boolean {
  try {
    Deno.lstatSync(pathOf(memberDirectory));
    return true;
  } catch {
    return false;
  }
}
