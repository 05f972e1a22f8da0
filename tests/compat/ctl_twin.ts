/**
 * One stage for two command lines: a real etcd with keys written by hand, a
 * member that answers what a case wants, and the same words for Patroni's own
 * `patronictl` and for ours. What each of them printed, asked and left behind is
 * compared by `ctl_twin_test.ts`.
 */
import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import { runCli } from "../../lib/cli/cli.ts";
import type { CliContext, Terminal } from "../../lib/cli/context.ts";
import { createCliContext } from "../../lib/compose/cli.ts";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { COMPATIBLE_VERSION } from "../../lib/compose/versions.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { EtcdServers } from "../helpers/etcd.ts";
import { REAL_CLOCK } from "../helpers/postgres.ts";
import { CTL, PYTHON, PYTHON_PATH } from "./programs.ts";

const LIMITS = { timeoutMs: 5_000 };
const LIMIT_MS = 60_000;

/** Keys below the scope; `members/x` values may hold `$API`, the stub's address. */
export type Keys = Readonly<Record<string, string>>;

/** What the stub member answers, by `METHOD /path`; others get 200 `ok`. */
export type Replies = Readonly<
  Record<string, { readonly status: number; readonly body: string }>
>;

/** One call of both programs. */
export interface TwinCase {
  readonly keys: Keys;
  /** Words after `-d ADDRESS`, or after `-c FILE` with `config`. */
  readonly words: readonly string[];
  /** Typed lines; then the input ends. */
  readonly input?: readonly string[];
  readonly replies?: Replies;
  /** Scope's folder below the namespace; `demo` by default. */
  readonly folder?: string;
  /** A local configuration file, etcd3 is added. */
  readonly config?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** What one program did. */
export interface TwinEnd {
  readonly code: number;
  readonly out: string;
  /** Without log lines. */
  readonly err: string;
  readonly requests: readonly string[];
  readonly keys: Keys;
  /** It ended in a stack trace, so there is nothing to compare. */
  readonly hasCrashed: boolean;
}

/** The stage; ends its servers. */
export class TwinStage implements AsyncDisposable {
  readonly #etcd: EtcdServers;
  readonly #directory: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #replies: Replies = {};
  #requests: string[] = [];

  constructor(etcd: EtcdServers) {
    this.#etcd = etcd;
    this.#directory = Deno.makeTempDirSync({ prefix: "matriarch-twin-" });
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  static async open(): Promise<TwinStage> {
    return new TwinStage(await EtcdServers.start());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.#etcd[Symbol.asyncDispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }

  /** Runs both programs on the same keys. */
  async run(
    twin: TwinCase,
  ): Promise<{ readonly theirs: TwinEnd; readonly ours: TwinEnd }> {
    const theirs = await this.#one(twin, (words) => this.#python(twin, words));
    const ours = await this.#one(twin, (words) => this.#own(twin, words));
    return { theirs, ours };
  }

  async #one(
    twin: TwinCase,
    call: (words: readonly string[]) => Promise<Printed>,
  ): Promise<TwinEnd> {
    const dcs = this.#open(twin.folder ?? "demo");
    try {
      await dcs.removeScope(LIMITS);
      for (const [key, value] of Object.entries(twin.keys)) {
        await put(dcs, key, value.replaceAll("$API", this.#address));
      }
      this.#replies = twin.replies ?? {};
      this.#requests = [];
      const printed = await call([...await this.#globals(twin), ...twin.words]);
      return {
        ...printed,
        out: timeless(printed.out),
        err: timeless(withoutLog(printed.err)),
        requests: this.#requests,
        keys: await keysOf(dcs),
        hasCrashed: printed.err.includes("Traceback"),
      };
    } finally {
      await dcs.close();
    }
  }

  get #address(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  #open(folder: string): Dcs {
    return new DcsEtcd({
      endpoints: this.#etcd.endpoints,
      scopePath: `/service/${folder}`,
      clock: REAL_CLOCK,
      tls: {},
    });
  }

  async #globals({ config }: TwinCase): Promise<readonly string[]> {
    const host = (this.#etcd.endpoints[0] ?? "").replace("http://", "");
    if (config === undefined) return ["-d", `etcd3://${host}`];
    const path = `${this.#directory}/ctl.yml`;
    await Deno.writeTextFile(path, `etcd3: {host: "${host}"}\n${config}`);
    return ["-c", path];
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const call = `${request.method} ${pathname}`;
    const text = await request.text();
    // An empty candidate is none.
    const body = sorted(text).replace('"candidate":""', '"candidate":null');
    this.#requests.push(`${call} ${body}`);
    const reply = this.#replies[call] ?? { status: 200, body: "ok" };
    return new Response(reply.body, { status: reply.status });
  }

  async #python(
    { input, environment }: TwinCase,
    words: readonly string[],
  ): Promise<Printed> {
    const child = new Deno.Command(PYTHON, {
      args: ["-c", CTL, ...words],
      cwd: this.#directory,
      clearEnv: true,
      env: {
        ...this.#environment(environment),
        PYTHONPATH: PYTHON_PATH,
        LC_ALL: "C.UTF-8",
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(LIMIT_MS),
    }).spawn();
    const writer = child.stdin.getWriter();
    const text = (input ?? []).map((line) => `${line}\n`).join("");
    // A program that asks nothing may end before it was written to.
    await writer.write(new TextEncoder().encode(text)).catch(() => {});
    await writer.close().catch(() => {});
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  async #own(
    { input, environment }: TwinCase,
    words: readonly string[],
  ): Promise<Printed> {
    const printed = { out: "", err: "" };
    const lines = [...input ?? []];
    const terminal: Terminal = {
      isOutputTty: false,
      write: (text) => void (printed.out += text),
      writeError: (text) => void (printed.err += text),
      readLine: () => Promise.resolve(lines.shift() ?? null),
      readSecret: () => Promise.resolve(lines.shift() ?? null),
      readAll: () =>
        Promise.resolve(
          lines.splice(0).map((line) => `${line}\n`).join(""),
        ),
    };
    const context: CliContext = {
      ...createCliContext({
        programName: "patronictl",
        version: COMPATIBLE_VERSION,
        otherCommands: [],
        openDcs: openDcsTarget,
      }),
      environment: this.#environment(environment),
      terminal,
    };
    const code = await runCli(words, context);
    return { code, ...printed };
  }

  #environment(more: TwinCase["environment"]): Record<string, string> {
    return { HOME: this.#directory, PATH: "/usr/bin:/bin", ...more };
  }
}

interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function put(dcs: Dcs, key: string, value: string): Promise<void> {
  const edit = { kind: "put", key, value, session: null } as const;
  await dcs.write({ when: [], edits: [edit] }, LIMITS);
}

async function keysOf(dcs: Dcs): Promise<Keys> {
  const { entries } = await dcs.readFresh(LIMITS);
  return Object.fromEntries(
    entries.map(({ key, value }) => [key, sorted(value)]),
  );
}

/** JSON with sorted keys, so that spelling does not count; other text as is. */
function sorted(text: string): string {
  try {
    return JSON.stringify(
      JSON.parse(text),
      (_, value: unknown) =>
        typeof value === "object" && value !== null && !Array.isArray(value)
          ? Object.fromEntries(
            Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1),
          )
          : value,
    );
  } catch {
    return text;
  }
}

/**
 * Without what differs between two runs, as the time of now does; and the
 * names in a prompt of `reinit` come from a Python set.
 */
function timeless(text: string): string {
  const year = new Date().getFullYear();
  return text
    .replace(/reinitialize \[[^\]]*\]/g, "reinitialize <names>")
    .replace(/(patronictl version 4\.1\.)\d+/, "$1x")
    .replace(
      new RegExp(`${year}-\\d\\d-\\d\\d[ T][\\d:]{5,8}(\\.\\d+)?`, "g"),
      "<now>",
    );
}

/** What is said to the user; log lines and stack traces may be worded freely. */
function withoutLog(text: string): string {
  return text.split("\n")
    .filter((line) => /^(Error|Usage|Try|Aborted|Available)/.test(line))
    .join("\n");
}
