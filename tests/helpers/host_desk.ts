/** A member's desk in memory, and a host that asks it without a network. */
import { createHash } from "node:crypto";
import { CertificatesX509 } from "../../lib/adapters/pki/certificates_x509.ts";
import type { CertifiedKey } from "../../lib/ports/certificates.ts";
import type { DeskAnswer } from "../../lib/ports/host_desk.ts";
import type { DeskCall, DeskReply } from "../../lib/ports/setup.ts";
import type { Blueprint } from "../../lib/setup/blueprint.ts";
import { firstRecord } from "../../lib/setup/authority_record.ts";
import { Desk } from "../../lib/setup/desk.ts";
import { makeToken } from "../../lib/setup/new_token.ts";
import { updateAuthority } from "../../lib/setup/store_keys.ts";
import { parseToken, type Token } from "../../lib/setup/token.ts";
import type { TokenUse } from "../../lib/setup/token_book.ts";
import type { MemoryDcs } from "../sim/dcs_memory.ts";
import { LogLines } from "./rest_app.ts";
import { FakeHost, memoryScope, memoryStore } from "./setup_world.ts";

const DAY_MS = 86_400_000;

/** What all members of the cluster have in common. */
export const BLUEPRINT: Blueprint = {
  scope: "main",
  namespace: null,
  store: { name: "etcd3", section: { hosts: ["10.0.0.1:2379"] } },
  rest: { username: "matriarch", password: "r" },
  superuser: { username: "postgres", password: "s" },
  replication: { username: "replicator", password: "p" },
  postgresMajor: 15,
  isAccessShared: false,
  vip: "10.0.0.10",
};

/** The desk of db1. */
export class DeskBench {
  readonly store = memoryStore();
  readonly dcs: MemoryDcs = memoryScope(this.store);
  readonly host = new FakeHost("desk");
  readonly log = new LogLines();
  readonly certificates = new CertificatesX509();
  blueprint: Blueprint | null = BLUEPRINT;
  /** Null: another member has it. */
  authority: CertifiedKey | null = null;
  readonly desk: Desk = new Desk({
    ...{ dcs: this.dcs, log: this.log, self: "db1" },
    certificates: this.certificates,
    wallTimeMs: () => this.host.nowMs,
    steadyMs: () => this.host.nowMs,
    hash: hashOf,
    authority: () => Promise.resolve(this.authority),
    certificateMs: () => 180 * DAY_MS,
    blueprint: () => Promise.resolve(this.blueprint),
    commonPart: () => this.blueprint ?? BLUEPRINT,
  });

  /** With an authority that the store knows. */
  static async open(): Promise<DeskBench> {
    const bench = new DeskBench();
    const authority = await bench.certificates.makeAuthority("main", {
      nowMs: bench.host.nowMs,
      lifetimeMs: 3_650 * DAY_MS,
    });
    bench.authority = authority;
    const hash = (await bench.certificates.read(authority.cert))?.hash ?? "";
    await updateAuthority(bench.dcs, () => ({
      value: firstRecord({ holder: "db1", hash, cert: authority.cert }),
      answer: null,
    }));
    return bench;
  }

  /** A token that counts for a day. */
  async token(use: TokenUse = "join"): Promise<Token> {
    const facts = await this.certificates.read(this.authority?.cert ?? "");
    const text = await makeToken(this.dcs, {
      ...{ use, lifetimeMs: DAY_MS, authorityHash: facts?.hash ?? "" },
      address: { host: "10.0.0.11", port: 8008 },
    }, this.host);
    const token = parseToken(text);
    if (token === null) throw new Error(`no token: ${text}`);
    return token;
  }

  /** As a host asks over the network. */
  async ask({ request }: DeskCall): Promise<DeskReply> {
    return replyOf(await this.desk.admit(request, "10.0.0.12"));
  }
}

function replyOf(answer: DeskAnswer): DeskReply {
  return answer.kind === "granted"
    ? {
      kind: "answered",
      status: 200,
      text: "",
      // As JSON carries it.
      document: JSON.parse(JSON.stringify(answer.document)),
    }
    : {
      kind: "answered",
      status: answer.status,
      text: answer.text,
      document: null,
    };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
