/** Connects the fence of a proxy with this host: its instance and its addresses. */
import { runHostProgram } from "../adapters/os/host_programs.ts";
import { HostVips } from "../adapters/os/vip_host.ts";
import { FencedPostgres } from "../adapters/postgres/process/fenced_server.ts";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import type { Clock } from "../ports/clock.ts";
import type { FencedServer } from "../ports/fence.ts";
import type { Log } from "../ports/log.ts";
import type { FenceTools } from "../../proxy/fence.ts";

/** What the fence of this host works with; null on an application host. */
export function fenceTools(
  config: ProxyHostConfig,
  ports: { readonly clock: Clock; readonly log: Log },
): FenceTools | null {
  const server = fencedServer(config);
  return server === null ? null : {
    server,
    vip: new HostVips({
      ...{ ...ports, run: runHostProgram },
      // The agent may be back soon.
      isShortLived: true,
    }),
    graceMs: config.proxy.agentGraceMs,
    endProcess: (pid) => Deno.kill(pid, "SIGKILL"),
  };
}

/** The instance of this host as the fence sees it; null without a data directory. */
export function fencedServer(
  { dataDir, serverProgram }: Pick<
    ProxyHostConfig,
    "dataDir" | "serverProgram"
  >,
): FencedServer | null {
  if (dataDir === null) return null;
  const binName: Readonly<Record<string, string>> = serverProgram === null
    ? {}
    : { postgres: serverProgram };
  return new FencedPostgres({ options: { dataDir, binName } });
}
