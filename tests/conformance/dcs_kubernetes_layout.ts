/**
 * The suite's keys on Kubernetes. Patroni's layout there has a fixed set of keys,
 * some of which are made of parts, and no key but `leader` hangs on a session. So
 * the suite's own names and values are carried by keys that there are.
 */
import { sessionId } from "../../lib/core/base/units.ts";
import type {
  Dcs,
  DcsCondition,
  DcsEdit,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../lib/ports/dcs.ts";

/** Keys that hold any text. */
const PLAIN = ["initialize", "config", "history", "failsafe"];

/** Names that one case uses, and the keys that stand for them. */
export class KeyNames {
  readonly #byName = new Map<string, string>();
  readonly #prefix: string;

  /** @param prefix Of the names of pods, which all cases share. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The key that stands for a name. */
  key(name: string, isHeld: "held" | "free"): string {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const key = this.#choose(name, isHeld);
    this.#byName.set(name, key);
    return key;
  }

  /** The name that a key stands for. */
  name(key: string): string {
    const found = [...this.#byName].find(([, one]) => one === key);
    return found?.[0] ?? key;
  }

  #choose(name: string, isHeld: "held" | "free"): string {
    const used = new Set(this.#byName.values());
    if (isHeld === "held" && !used.has("leader")) return "leader";
    const own = name.startsWith("members/")
      ? `members/${this.#prefix}-${name.slice("members/".length)}`
      : name;
    const isOwn = /^(?:members\/[-a-z0-9]+|leader|status|sync|failover)$/
      .test(own) || PLAIN.includes(own);
    if (isOwn && !used.has(own)) return own;
    const free = PLAIN.find((key) => !used.has(key));
    return free ?? `members/${this.#prefix}-x${used.size}`;
  }
}

/** What the layout makes of a client. */
export class LayoutDcs implements Dcs {
  readonly #dcs: Dcs;
  readonly #names: KeyNames;
  readonly #makePod: (name: string) => Promise<void>;

  constructor(
    dcs: Dcs,
    names: KeyNames,
    makePod: (name: string) => Promise<void>,
  ) {
    this.#dcs = dcs;
    this.#names = names;
    this.#makePod = makePod;
  }

  get capabilities(): Dcs["capabilities"] {
    return this.#dcs.capabilities;
  }

  async read(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#shown(await this.#dcs.read(limits));
  }

  async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#shown(await this.#dcs.readFresh(limits));
  }

  async write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    const edits = write.edits.map((edit) => this.#edit(edit));
    const when = write.when.map((condition) => this.#condition(condition));
    for (const { key } of edits) {
      if (key.startsWith("members/")) await this.#makePod(key.slice(8));
    }
    return await this.#dcs.write({ when, edits }, limits);
  }

  removeScope(limits: DcsLimits): Promise<void> {
    return this.#dcs.removeScope(limits);
  }

  openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    return this.#dcs.openSession(ttlMs, limits);
  }

  renewSession(id: string, limits: DcsLimits): Promise<RenewAnswer> {
    return this.#dcs.renewSession(sessionId(id), limits);
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#dcs.watch({
      onChange: (change) => {
        // Of the mark that a new term leaves.
        const { key, value } = change;
        const name = this.#names.name(key);
        const text = value === null ? null : unwrapped(key, value);
        listener.onChange({ ...change, key: name, value: text });
      },
      onReset: () => listener.onReset(),
    }, signal);
  }

  close(): Promise<void> {
    return this.#dcs.close();
  }

  #shown({ entries }: DcsSnapshot): DcsSnapshot {
    const named = entries.map((entry) => ({
      ...entry,
      key: this.#names.name(entry.key),
      value: unwrapped(entry.key, entry.value),
    }));
    return { entries: named.toSorted((a, b) => a.key < b.key ? -1 : 1) };
  }

  #edit(edit: DcsEdit): DcsEdit {
    const isHeld = edit.kind === "put" && edit.session !== null;
    const key = this.#names.key(edit.key, isHeld ? "held" : "free");
    return edit.kind === "put"
      ? { ...edit, key, value: wrapped(key, edit.value) }
      : { ...edit, key };
  }

  #condition(condition: DcsCondition): DcsCondition {
    const key = this.#names.key(condition.key, "free");
    return condition.kind === "value_is"
      ? { ...condition, key, value: wrapped(key, condition.value) }
      : { ...condition, key };
  }
}

/** Any text, in a form that the key has. */
function wrapped(key: string, text: string): string {
  switch (key) {
    case "status":
      return JSON.stringify({ optime: 1, retain_slots: [text] });
    case "failover":
      return JSON.stringify({ member: `=${text}` });
    case "sync":
      return JSON.stringify({
        ...{ leader: `=${text}`, quorum: 0, sync_standby: null },
      });
    default:
      // An empty name leads nobody.
      return key === "leader" ? `=${text}` : text;
  }
}

function unwrapped(key: string, value: string): string {
  switch (key) {
    case "status":
      return JSON.parse(value).retain_slots[0];
    case "failover":
      return JSON.parse(value).member.slice(1);
    case "sync":
      return JSON.parse(value).leader.slice(1);
    default:
      return key === "leader" ? value.slice(1) : value;
  }
}
