/** The cluster of `compose.yaml`, as its operator and its clients see it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { buildImage } from "../../scripts/containers/image.ts";
import { run } from "../../scripts/pack/run.ts";
import { untilIt } from "../helpers/wait.ts";
import { ENGINE } from "../../scripts/containers/engine.ts";
import { DockerEngine, type Said } from "./engine.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PROJECT = "herd";
const FIVE = ["-f", "compose.yaml", "-f", "compose.five.yaml"];
const HEAL_MS = 180_000;
const IMAGE = "localhost/matriarch";

/** One line of `matriarch list`. */
export interface Listed {
  readonly name: string;
  readonly role: string;
  readonly state: string;
}

/** The cluster. */
export class ComposeCluster implements AsyncDisposable {
  readonly engine: DockerEngine;
  #password = "";
  /** Rows that were acknowledged. */
  #rows = 0;

  constructor(engine: DockerEngine) {
    this.engine = engine;
  }

  /** An engine with the image of this checkout, and no cluster yet. */
  static async ready(): Promise<ComposeCluster> {
    await run(`${ROOT}scripts/compile`, []);
    const engine = await DockerEngine.start();
    try {
      await buildImage(
        { base: "debootstrap", tag: IMAGE },
        async (args) => {
          good(await engine.docker(...args));
        },
      );
      return new ComposeCluster(engine);
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `docker compose` with these words; must do well. */
  async compose(...words: readonly string[]): Promise<string> {
    return good(await this.engine.compose("-p", PROJECT, ...words)).text;
  }

  /** The same with five members. */
  async composeFive(...words: readonly string[]): Promise<string> {
    return await this.compose(...FIVE, ...words);
  }

  /** `docker VERB` of containers. */
  async docker(verb: readonly string[], ...names: readonly string[]) {
    const all = names.map((name) => `${PROJECT}-${name}-1`);
    return good(await this.engine.docker(...verb, ...all)).text;
  }

  /** `docker volume rm` of a member's. */
  async removeVolume(name: string): Promise<void> {
    good(await this.engine.docker("volume", "rm", `${PROJECT}_${name}`));
  }

  /** A command in a member's container. */
  async inside(name: string, ...words: readonly string[]): Promise<Said> {
    return await this.engine.docker("exec", `${PROJECT}-${name}-1`, ...words);
  }

  /** What a container has said. */
  async log(name: string): Promise<string> {
    return await this.docker(["logs"], name);
  }

  /** Members, as one of them lists them. */
  async list(at: string): Promise<readonly Listed[]> {
    const { text } = good(
      await this.inside(at, "matriarch", "list", "-f", "tsv"),
    );
    const [head = "", ...lines] = text.trim().split("\n");
    const titles = head.split("\t");
    return lines.map((line) => {
      const fields = line.split("\t");
      const field = (title: string) => fields[titles.indexOf(title)] ?? "";
      return {
        ...{ name: field("Member"), role: field("Role") },
        state: field("State"),
      };
    });
  }

  /** Name of the leader. */
  async leader(at: string): Promise<string> {
    const all = await this.list(at);
    const leader = all.find(({ role }) => role === "Leader");
    assert.ok(leader !== undefined, "nobody leads");
    return leader.name;
  }

  /** Until so many members stream or lead, and vote in etcd. */
  async untilWhole(at: string, members: number): Promise<void> {
    await untilIt(`${members} members are whole`, async () => {
      const all = await this.list(at);
      const good = all.filter(({ role, state }) =>
        role === "Leader" ? state === "running" : state === "streaming"
      );
      const { text } = await this.inside(at, "matriarch", "etcd", "status");
      const voters = text.match(/\| (?:voter|leader) +\| running /g) ?? [];
      return good.length === members && all.length === members &&
        voters.length === members;
    }, {
      limitMs: HEAL_MS,
      report: async () =>
        (await this.inside(at, "matriarch", "list")).text +
        (await this.inside(at, "matriarch", "etcd", "status")).text,
    });
  }

  /** A row through a published port of the leader; it counts if it was acknowledged. */
  async write(port: number): Promise<void> {
    await untilIt(`a row through port ${port}`, async () => {
      const { code, text } = await this.sql(
        port,
        "insert into herd values (default)",
      );
      if (code !== 0) throw new Error(text);
      return true;
    }, { limitMs: HEAL_MS });
    this.#rows += 1;
  }

  /** No acknowledged row is missing; one whose answer was lost may be more. */
  async checkRows(port: number): Promise<void> {
    const { text } = good(await this.sql(port, "select count(*) from herd"));
    assert.ok(Number(text.trim()) >= this.#rows, `${text} of ${this.#rows}`);
  }

  /** SQL through a published port, as a client of the machine. */
  async sql(port: number, text: string): Promise<Said> {
    if (this.#password === "") {
      const path = "/secrets/made/superuser_password";
      this.#password = good(await this.inside("db1", "cat", path)).text.trim();
    }
    const place = `host=127.0.0.1 port=${port} user=postgres ` +
      "sslmode=require connect_timeout=10";
    return await this.engine.beside(
      ["timeout", "30", "psql", place, "-XAtqc", text],
      { PGPASSWORD: this.#password },
    );
  }

  /** `matriarch lab` with these words, on the engine's machine; must do well. */
  async lab(...words: readonly string[]): Promise<string> {
    const program = ["run", "-A", "--quiet", "--no-check", `${ROOT}main.ts`];
    const said = await this.engine.beside(
      [Deno.execPath(), ...program, "lab", ...words],
      { DOCKER: `${ENGINE}/usr/bin/docker` },
    );
    return good(said).text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
  }
}

function good(said: Said): Said {
  assert.equal(said.code, 0, said.text);
  return said;
}
