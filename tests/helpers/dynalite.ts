/**
 * A private DynamoDB for tests: dynalite, an emulator of npm's, in memory, on a
 * free port, ended with the test. Can be stopped (SIGSTOP).
 */
import { fileURLToPath } from "node:url";
import { freePort } from "./free_ports.ts";

const MAIN = fileURLToPath(new URL("dynalite_main.ts", import.meta.url));
const START_LIMIT_MS = 60_000;
/** Nobody waits longer for a process to stop. */
const STOPPED_MS_MAX = 5_000;

/** Emulators take any. */
export const DYNALITE_KEYS = {
  accessKeyId: "key",
  secretAccessKey: "secret",
  sessionToken: null,
} as const;

/** The key schema that a scope needs. */
export const SCOPE_TABLE = {
  TableName: "matriarch",
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [{ AttributeName: "scope", AttributeType: "S" }],
  KeySchema: [{ AttributeName: "scope", KeyType: "HASH" }],
} as const;

/** What answers have that tests look at, each its part. */
export interface DynamoAnswer {
  readonly TableNames: readonly string[];
  readonly TableDescription: { readonly TableName: string };
  readonly Table: {
    readonly TableStatus: string;
    readonly TableId: string;
    readonly BillingModeSummary: { readonly BillingMode: string };
  };
  readonly Item?: Readonly<Record<string, { readonly S: string }>>;
  readonly Items: readonly Readonly<Record<string, { readonly S: string }>>[];
}

/** A running dynalite. */
export class DynaliteServer implements AsyncDisposable {
  readonly port: number;
  readonly #log: string;
  readonly #child: Deno.ChildProcess;

  private constructor(log: string, createTableMs: number) {
    this.port = freePort();
    this.#log = log;
    const args = [
      ...["run", "--allow-all", "--no-check", "--quiet"],
      // Two processes that link packages at once get in each other's way.
      ...["--node-modules-dir=manual", MAIN],
      ...["--port", String(this.port)],
      ...["--createTableMs", String(createTableMs)],
    ];
    this.#child = new Deno.Command("sh", {
      args: [
        "-c",
        'log=$1; shift; exec "$@" >"$log" 2>&1',
        ...["sh", log, Deno.execPath(), ...args],
      ],
      stdin: "null",
    }).spawn();
  }

  /** Starts one and waits until it serves; with a table of scopes unless told otherwise. */
  static async start(
    { table = SCOPE_TABLE, createTableMs = 0 }: {
      readonly table?: object | null;
      readonly createTableMs?: number;
    } = {},
  ): Promise<DynaliteServer> {
    const log = await Deno.makeTempFile({ prefix: "matriarch-dynalite-" });
    const server = new DynaliteServer(log, createTableMs);
    const deadline = performance.now() + START_LIMIT_MS;
    while (!(await server.#isServing())) {
      if (performance.now() > deadline) {
        const text = await Deno.readTextFile(log);
        await server[Symbol.asyncDispose]();
        throw new Error(`dynalite did not start:\n${text.slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (table !== null) await server.makeTable(table);
    return server;
  }

  /** `http://127.0.0.1:port`. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Makes a table and waits until it can be used. */
  async makeTable(table: object = SCOPE_TABLE): Promise<void> {
    const made = await this.ask("CreateTable", table);
    const { TableName } = made["TableDescription"];
    for (;;) {
      const { Table } = await this.ask("DescribeTable", { TableName });
      if (Table.TableStatus === "ACTIVE") return;
    }
  }

  /** The document of the one scope, or of one of several. */
  async item(scope = "/service/batman"): Promise<Record<string, string>> {
    const { Item } = await this.ask("GetItem", {
      TableName: "matriarch",
      Key: { scope: { S: scope } },
      ConsistentRead: true,
    });
    const values = Object.entries(Item ?? {});
    return Object.fromEntries(values.map(([name, { S }]) => [name, S]));
  }

  /** Puts an item as a stranger would. */
  async putItem(item: Readonly<Record<string, string>>): Promise<void> {
    const values = Object.entries(item).map(([name, S]) => [name, { S }]);
    await this.ask("PutItem", {
      TableName: "matriarch",
      Item: Object.fromEntries(values),
    });
  }

  /** A request beside the program under test; the answer's JSON. */
  async ask(operation: string, body: object): Promise<DynamoAnswer> {
    const response = await fetch(this.endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `DynamoDB_20120810.${operation}`,
        "x-amz-date": "20261129T000000Z",
        authorization: "AWS4-HMAC-SHA256 " +
          "Credential=key/20261129/local/dynamodb/aws4_request, " +
          "SignedHeaders=host, Signature=00",
      },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (response.ok) return answer;
    throw new Error(`${operation}: ${JSON.stringify(answer)}`);
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void {
    this.#signal("SIGSTOP");
    const deadline = performance.now() + STOPPED_MS_MAX;
    while (performance.now() < deadline) {
      const text = Deno.readTextFileSync(`/proc/${this.#child.pid}/stat`);
      if (text.slice(text.lastIndexOf(")") + 2).startsWith("T")) return;
    }
  }

  /** SIGCONT. */
  thaw(): void {
    this.#signal("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#log);
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch {
      // It has ended already.
    }
  }

  async #isServing(): Promise<boolean> {
    try {
      return Array.isArray((await this.ask("ListTables", {})).TableNames);
    } catch {
      return false;
    }
  }
}
