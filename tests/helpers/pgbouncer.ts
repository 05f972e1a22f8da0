/** A PgBouncer of the distribution in front of a port, with transaction pooling. */
import postgres from "postgres";
import { PASSWORDS } from "./agent_member.ts";
import { freePort } from "./free_ports.ts";
import { untilIt } from "./wait.ts";

const PROGRAM = "pgbouncer";

/** How to start one. */
export interface PgbouncerPlan {
  /** Of its own; removed by whoever made it. */
  readonly directory: string;
  /** Where its clients' PostgreSQL is. */
  readonly serverPort: number;
  readonly clientsMax?: number;
  readonly poolSize?: number;
}

/** A running PgBouncer. */
export class Pgbouncer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;

  private constructor(port: number, child: Deno.ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  static async start(
    plan: PgbouncerPlan,
    port = freePort(),
  ): Promise<Pgbouncer> {
    const { directory, serverPort, clientsMax = 2_000, poolSize = 20 } = plan;
    const users = `${directory}/pgbouncer_users.txt`;
    const config = `${directory}/pgbouncer.ini`;
    const server = `host=127.0.0.1 port=${serverPort} user=postgres ` +
      `password='${PASSWORDS.postgres}'`;
    await Deno.writeTextFile(users, '"app" ""\n"admin" ""\n');
    await Deno.writeTextFile(
      config,
      `[databases]
postgres = ${server} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
admin_users = admin
pool_mode = transaction
server_login_retry = 0.5
default_pool_size = ${poolSize}
max_client_conn = ${clientsMax}
ignore_startup_parameters = extra_float_digits
logfile = ${directory}/pgbouncer.log
`,
    );
    const child = new Deno.Command(PROGRAM, {
      args: ["-q", config],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const started = new Pgbouncer(port, child);
    try {
      await untilIt("PgBouncer answers", () => started.hasConsole());
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** For `pooler.pgbouncer.admin`. */
  get admin(): string {
    return adminUrl(this.port);
  }

  /** One session, as an application has it. */
  client(): postgres.Sql {
    return postgres({
      host: "127.0.0.1",
      port: this.port,
      username: "app",
      database: "postgres",
      max: 1,
      prepare: false,
      fetch_types: false,
      connect_timeout: 30,
      idle_timeout: 0,
      max_lifetime: null,
      onnotice: () => {},
    });
  }

  /** What the admin console says. */
  async console(command: string): Promise<readonly Record<string, unknown>[]> {
    const sql = postgres(this.admin, {
      max: 1,
      prepare: false,
      fetch_types: false,
      connect_timeout: 5,
      onnotice: () => {},
    });
    try {
      return await sql.unsafe(command).simple();
    } finally {
      await sql.end({ timeout: 1 });
    }
  }

  async hasConsole(): Promise<boolean> {
    try {
      await this.console("SHOW VERSION");
      return true;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
  }
}

/** For a configuration that is written before PgBouncer is started. */
export function adminUrl(port: number): string {
  return `postgres://admin@127.0.0.1:${port}/pgbouncer`;
}
