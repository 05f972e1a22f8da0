/** One Redis that keeps what it has confirmed. */
import { hasProgram } from "../programs.ts";
import { startServer } from "./server.ts";
import type { LabStore, RunningStore, StorePlan } from "./store.ts";

interface Redis {
  readonly directory: string;
  readonly port: number;
  readonly password: string;
}

/** `--dcs redis`. */
export const REDIS: LabStore = {
  name: "redis",
  what: "one durable server",
  needs: [{
    isThere: () => hasProgram("redis-server"),
    package: "redis-server",
  }],
  plan: ({ directory: lab, firstPort: port, password }): StorePlan => {
    const directory = `${lab}/redis`;
    return {
      section: { redis: { hosts: `127.0.0.1:${port}`, password } },
      ports: [{ port, use: "Redis" }],
      start: () => start({ directory, port, password }),
    };
  },
};

async function start(
  { directory, port, password }: Redis,
): Promise<RunningStore> {
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  const config = `${directory}/redis.conf`;
  const lines = [
    ...[`port ${port}`, "bind 127.0.0.1", `dir ${directory}`],
    ...["appendonly yes", "appendfsync always", "maxmemory-policy noeviction"],
    `requirepass ${password}`,
  ];
  await Deno.writeTextFile(config, lines.join("\n"), { mode: 0o600 });
  return await startServer({
    ...{ command: "redis-server", args: [config], directory },
    what: `Redis on port ${port} to answer`,
    isReady: () => isAnswering(port),
  });
}

/** It wants the password first, which shows that it is there. */
async function isAnswering(port: number): Promise<true | null> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode("PING\r\n"));
  const buffer = new Uint8Array(256);
  const count = await connection.read(buffer);
  const text = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  return text.startsWith("-NOAUTH") ? true : null;
}
