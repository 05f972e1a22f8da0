/** One server of ZooKeeper, as Debian's package `zookeeper` has it. */
import { hasProgram } from "../programs.ts";
import { startServer } from "./server.ts";
import type { LabStore, RunningStore, StorePlan } from "./store.ts";

/** The package's libraries; java passes over what the server does not load. */
const JARS = "/usr/share/java";
/** Answers come at once, or not at all. */
const WORD_MS = 2_000;
const MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain";

/** `--dcs zookeeper`. */
export const ZOOKEEPER: LabStore = {
  name: "zookeeper",
  what: "one server (with Java)",
  needs: [{
    isThere: () => hasProgram("java") && isFile(`${JARS}/zookeeper.jar`),
    package: "zookeeper",
  }],
  plan: ({ directory: lab, firstPort: port }): StorePlan => {
    const directory = `${lab}/zookeeper`;
    return {
      section: { zookeeper: { hosts: [`127.0.0.1:${port}`] } },
      ports: [{ port, use: "ZooKeeper" }],
      start: () => start(directory, port),
    };
  },
};

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function start(directory: string, port: number): Promise<RunningStore> {
  await Deno.mkdir(`${directory}/data`, { recursive: true, mode: 0o700 });
  const configuration = [
    "tickTime=1000",
    `dataDir=${directory}/data`,
    `clientPort=${port}`,
    "clientPortAddress=127.0.0.1",
    "admin.enableServer=false",
    "maxSessionTimeout=60000",
  ];
  await Deno.writeTextFile(`${directory}/zoo.cfg`, configuration.join("\n"));
  return await startServer({
    command: "java",
    args: [
      ...["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
      ...["-Dzookeeper.4lw.commands.whitelist=srvr", "-cp", `${JARS}/*`],
      ...[MAIN, `${directory}/zoo.cfg`],
    ],
    directory,
    what: `ZooKeeper on port ${port} to serve`,
    isReady: () => isServing(port),
  });
}

async function isServing(port: number): Promise<true | null> {
  const address = { hostname: "127.0.0.1", port };
  return (await zookeeperWord(address, "srvr")).includes("Mode:") ? true : null;
}

/**
 * The answer to a four-letter word.
 *
 * Source: ZooKeeper 3.8 administrator's guide, "The Four Letter Words".
 *
 * @throws If there is none; a server that is just starting keeps silent.
 */
export async function zookeeperWord(
  address: { readonly hostname: string; readonly port: number },
  word: string,
): Promise<string> {
  const connection = await Deno.connect(address);
  const limit = setTimeout(() => connection.close(), WORD_MS);
  try {
    await connection.write(new TextEncoder().encode(word));
    return await new Response(connection.readable).text();
  } finally {
    clearTimeout(limit);
  }
}
