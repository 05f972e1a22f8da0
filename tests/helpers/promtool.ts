/** What Prometheus' own checker says of metrics. */
import assert from "node:assert/strict";
import { skipReason } from "./skip_reason.ts";

/**
 * Complaints of `promtool check metrics`, one per line; null if it is missing
 * here, which is said, and an error in continuous integration.
 */
export async function promtoolComplaints(
  metrics: string,
): Promise<readonly string[] | null> {
  const reason = skipReason("promtool", "prometheus");
  if (reason !== null) {
    console.log(`skipped: ${reason}`);
    return null;
  }
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(metrics));
  await writer.close();
  const { code, stderr } = await child.output();
  const complaints = new TextDecoder().decode(stderr).split("\n")
    .filter((line) => line !== "");
  // 0: nothing to say; 3: matters of style; all else: cannot be read.
  assert.ok([0, 3].includes(code), complaints.join("\n"));
  return complaints;
}
