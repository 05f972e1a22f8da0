/**
 * Takes away what a call of the command line does not need, before any of its
 * code is loaded: libraries of the host and other programs. Files, network and
 * environment it needs all the same.
 *
 * Deno gives files below /dev, /proc and /sys only to who has every permission,
 * so a call that names one keeps all, and so do the commands that start programs
 * or look at the host. Where a kubeconfig logs in by a program, every call may
 * start that: which store is used is not known yet. The agent and the proxies
 * keep everything, too: they call libc, and
 * start or signal PostgreSQL; who may do that may do all else by it.
 */

/** An editor and a pager; ip and arping; what looks at the host and starts its service. */
const STARTERS: ReadonlySet<string> = new Set([
  ...["edit-config", "vip"],
  ...["init", "join", "leave", "doctor"],
  // Starts etcd in the agent's place, or the agent anew.
  ...["--here", "migrate"],
]);
/** `etcd restart` signals etcd, and finds it below /proc. */
const RESTART: readonly string[] = ["etcd", "restart"];
/** `-c /dev/stdin`, `--config-file=/proc/self/fd/3`. */
const SPECIAL = /(?:^|[=:\s])\/+(?:dev|proc|sys)\//;

/**
 * Whether the call can do without. Any word counts, also one that is the value of
 * an option: then all is kept, which is only less strict.
 *
 * @param files Further files that the call may read, from its environment.
 */
export function isModest(
  argv: readonly string[],
  files: readonly string[],
): boolean {
  return !argv.some((word) => STARTERS.has(word)) &&
    !RESTART.every((word) => argv.includes(word)) &&
    ![...argv, ...files].some((word) => SPECIAL.test(word));
}

/** For good: without prompts nothing asks for it again. */
export function dropPermissions(argv: readonly string[]): void {
  const files = ["PATRONICTL_CONFIG_FILE", "MATRIARCH_CONFIG_FILE"]
    .map((name) => Deno.env.get(name) ?? "");
  if (!isModest(argv, files)) return;
  Deno.permissions.revokeSync({ name: "ffi" });
  if (!logsInByProgram()) Deno.permissions.revokeSync({ name: "run" });
}

/** Whether the kubeconfig, if there is one, has an `exec`. */
function logsInByProgram(): boolean {
  const given = Deno.env.get("KUBECONFIG") ?? "";
  const path = given || `${Deno.env.get("HOME") ?? ""}/.kube/config`;
  try {
    return /\bexec"?\s*:/.test(Deno.readTextFileSync(path));
  } catch {
    return false;
  }
}
