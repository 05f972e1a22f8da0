/**
 * How long `list` takes beside Patroni's own `patronictl list`: both ask the
 * same etcd for the same three members, in turns, in one run.
 *
 * Options: --rounds N (20), --program FILE (dist/matriarch), --json FILE.
 */
import { parseArgs } from "node:util";
import { getPatroni } from "./get_patroni.ts";
import { median } from "./report.ts";

const ROUNDS_MIN = 10;
const ETCD_WAIT_MS = 100;
const ETCD_ATTEMPTS_MAX = 100;
const PYTHON = "/usr/bin/python3";
const CTL = "import sys; sys.argv[0] = 'patronictl'; " +
  "from patroni.ctl import ctl; ctl(None)";

/** A program under measurement. */
interface Contestant {
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function readOptions(): {
  readonly rounds: number;
  readonly program: string;
  readonly json: string | null;
} {
  const built = new URL("../../dist/matriarch", import.meta.url).pathname;
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      program: { type: "string", default: built },
      json: { type: "string" },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < ROUNDS_MIN) {
    throw new Error(`--rounds must be a whole number from ${ROUNDS_MIN} on`);
  }
  return { rounds, program: values.program, json: values.json ?? null };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function startEtcd(
  directory: string,
): { readonly child: Deno.ChildProcess; readonly address: string } {
  const [client, peer] = [freePort(), freePort()];
  const address = `127.0.0.1:${client}`;
  const child = new Deno.Command("etcd", {
    args: [
      ...["--data-dir", directory, "--unsafe-no-fsync"],
      ...["--listen-client-urls", `http://${address}`],
      ...["--advertise-client-urls", `http://${address}`],
      ...["--listen-peer-urls", `http://127.0.0.1:${peer}`],
      ...["--initial-advertise-peer-urls", `http://127.0.0.1:${peer}`],
      ...["--initial-cluster", `default=http://127.0.0.1:${peer}`],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return { child, address };
}

/** Waits for etcd by writing the first key. */
async function putKey(
  address: string,
  key: string,
  value: unknown,
): Promise<void> {
  const encoded = (text: string): string =>
    new TextEncoder().encode(text).toBase64();
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const body = JSON.stringify({ key: encoded(key), value: encoded(text) });
  for (let attempt = 1;; attempt++) {
    try {
      const url = `http://${address}/v3/kv/put`;
      const answer = await fetch(url, { method: "POST", body });
      const reply = await answer.text();
      if (!answer.ok) throw new Error(`etcd: ${answer.status} ${reply}`);
      return;
    } catch (error) {
      if (attempt === ETCD_ATTEMPTS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, ETCD_WAIT_MS));
    }
  }
}

async function putScope(address: string): Promise<void> {
  const scope = "/service/demo";
  await putKey(address, `${scope}/initialize`, "7277694203142172922");
  await putKey(address, `${scope}/config`, { ttl: 30, loop_wait: 10 });
  await putKey(address, `${scope}/leader`, "n1");
  await putKey(address, `${scope}/status`, { optime: 67108904 });
  for (const [index, name] of ["n1", "n2", "n3"].entries()) {
    const host = `10.0.0.${index + 1}`;
    await putKey(address, `${scope}/members/${name}`, {
      conn_url: `postgres://${host}:5432/postgres`,
      api_url: `http://${host}:8008/patroni`,
      role: index === 0 ? "primary" : "replica",
      state: "running",
      version: "4.1.4",
      timeline: 3,
      xlog_location: 67108904,
      ...(index === 0 ? {} : {
        replication_state: "streaming",
        receive_lsn: 67108904,
        replay_lsn: 67108904,
      }),
    });
  }
}

/** @returns Milliseconds, and what it printed. */
async function timed(
  { command, args, env }: Contestant,
): Promise<{ readonly ms: number; readonly text: string }> {
  const begin = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    stdin: "null",
  }).output();
  const ms = performance.now() - begin;
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${command}: ${decoder.decode(stderr)}`);
  return { ms, text: decoder.decode(stdout) };
}

function row(title: string, times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const cells = [median(times), sorted[0] ?? NaN, sorted.at(-1) ?? NaN];
  return `| ${title} | ${times.length} | ${
    cells.map((ms) => `${Math.round(ms)} ms`).join(" | ")
  } |`;
}

async function main(): Promise<void> {
  const { rounds, program, json } = readOptions();
  const python = await getPatroni(
    new URL("../../.cache/patroni", import.meta.url).pathname,
  );
  const directory = await Deno.makeTempDir({ prefix: "matriarch-list-" });
  const { child, address } = startEtcd(`${directory}/etcd`);
  try {
    await putScope(address);
    const words = ["-d", `etcd3://${address}`, "list", "demo"];
    const contestants: readonly Contestant[] = [
      {
        title: "Patroni's `patronictl list`",
        command: PYTHON,
        args: ["-c", CTL, ...words],
        env: { PYTHONPATH: python, LC_ALL: "C.UTF-8" },
      },
      { title: "`matriarch list`", command: program, args: words, env: {} },
    ];
    const times = await race(contestants, rounds);
    console.log("| Program | Rounds | Median | Minimum | Maximum |");
    console.log("| --- | --- | --- | --- | --- |");
    for (const { title } of contestants) {
      console.log(row(title, times.get(title) ?? []));
    }
    if (json !== null) {
      await Deno.writeTextFile(json, JSON.stringify(Object.fromEntries(times)));
    }
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await Deno.remove(directory, { recursive: true });
  }
}

/** In turns, so that the machine's moods meet all; one round more warms up. */
async function race(
  contestants: readonly Contestant[],
  rounds: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const times = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    const texts = new Set<string>();
    for (const contestant of contestants) {
      const { ms, text } = await timed(contestant);
      texts.add(text);
      if (round === 0) continue;
      times.set(contestant.title, [...times.get(contestant.title) ?? [], ms]);
    }
    if (texts.size > 1) {
      throw new Error(`They print different tables: ${[...texts].join("\n")}`);
    }
  }
  return times;
}

if (import.meta.main) await main();
