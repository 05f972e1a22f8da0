/**
 * Whether the ports that etcd wants are free, and who has them if not.
 *
 * Source: proc_pid_net(5), /proc/net/tcp: state 0A listens; proc_pid_fd(5).
 */

const LISTENS = "0A";

/** One sentence about the first address that is taken or not this host's; null: all are free. */
export async function portTaken(
  urls: readonly string[],
): Promise<string | null> {
  for (const url of urls) {
    const { hostname: host, port } = new URL(url);
    const hostname = host.replace(/^\[(.*)\]$/, "$1");
    try {
      Deno.listen({ hostname, port: Number(port) }).close();
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) {
        const owner = await listenerOn(Number(port));
        return `Port ${port}, where etcd is to listen, is taken by ${owner}`;
      }
      return `etcd cannot listen on ${hostname}:${port}: ${String(error)}`;
    }
  }
  return null;
}

async function listenerOn(port: number): Promise<string> {
  const sockets = await listeningSockets(port);
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if (await hasOneOpen(name, sockets)) {
      const program = await Deno.readTextFile(`/proc/${name}/comm`)
        .catch(() => "");
      return `process ${name} (${program.trim()})`;
    }
  }
  return "a process of another user";
}

async function listeningSockets(port: number): Promise<readonly string[]> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) =>
      Deno.readTextFile(`/proc/net/${name}`).catch(() => "")
    ),
  );
  return tables.join("\n").split("\n").flatMap((line) => {
    const fields = line.split(" ").filter((field) => field !== "");
    const isHere = fields[1]?.endsWith(suffix) && fields[3] === LISTENS;
    return isHere ? [`socket:[${fields[9]}]`] : [];
  });
}

async function hasOneOpen(
  pid: string,
  sockets: readonly string[],
): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const found = await Deno.readLink(`${folder}/${name}`).catch(() => "");
      if (sockets.includes(found)) return true;
    }
  } catch {
    // It is gone, or another user's.
  }
  return false;
}
