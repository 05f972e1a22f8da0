/** Steps of one test. */

/**
 * One of several steps on the same servers: when it failed the rest makes no
 * sense. Processes may outlive it; the whole test is checked for leaks.
 */
export async function step(
  t: Deno.TestContext,
  name: string,
  fn: () => Promise<void>,
): Promise<void> {
  const isDone = await t.step({
    name,
    fn,
    sanitizeOps: false,
    sanitizeResources: false,
  });
  if (!isDone) throw new Error(`Step "${name}" failed; the rest needs it`);
}
