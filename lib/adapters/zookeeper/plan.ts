/**
 * A guarded write as one transaction of ZooKeeper's, made from a look at the
 * scope, and what a refusal of it means. Pure: `writer.ts` looks and sends.
 *
 * ZooKeeper can check a node's version, and that a node is not there (by making
 * it). A version alone does not say that a node is still the one that was read:
 * a leader key that ended and was taken by another member has version 0 again.
 * So a write that builds on a node also makes sure that nothing was made in its
 * folder since: it makes a counted node there, whose name ends in the number of
 * creations, and deletes it by the name that it must have got. Both are gone
 * with the same transaction, and if the number was another one, so is all else.
 */
import type { DcsCondition, DcsEdit, DcsWrite } from "../../ports/dcs.ts";
import type { SessionId } from "../../core/base/units.ts";
import { ANY_VERSION, CODE, type FailedStep, type Step } from "./messages.ts";
import {
  folderOf,
  keyNode,
  pathOf,
  type StoredNode,
  type StoredScope,
} from "./tree.ts";

/** Name of the counted nodes; nobody ever sees one. */
export const GUARD_NAME = "matriarch-guard-";
/** Digits of the number in a counted node's name. */
const COUNT_DIGITS = 10;

/** What a step's refusal means: the condition failed, or the look was outdated. */
type Meaning = "condition" | "outdated";

/** A transaction. */
export interface Plan {
  readonly kind: "ready";
  readonly steps: readonly Step[];
  readonly meanings: readonly Meaning[];
  /** On whose connection it must be sent; null: on any. */
  readonly session: SessionId | null;
}

/** What a write comes to, given a look at the scope. */
export type PlanResult =
  | Plan
  | { readonly kind: "condition_failed" }
  /** The scope's own node has to be made first. */
  | { readonly kind: "no_scope" }
  | { readonly kind: "impossible"; readonly why: string };

/** Where the plan is made. */
export interface PlanPlace {
  readonly scopePath: string;
  readonly scope: StoredScope;
  /** The number by which nodes name a session. */
  readonly ownerOf: (session: SessionId) => bigint;
}

/** The write as a transaction. */
export function planOf(write: DcsWrite, place: PlanPlace): PlanResult {
  const { scope } = place;
  if (!write.when.every((one) => holds(one, scope))) {
    return { kind: "condition_failed" };
  }
  if (!scope.nodes.has("")) return { kind: "no_scope" };
  const sessions = sessionsOf(write.edits);
  if (sessions.length > 1) {
    const why = "the keys of one write hang on one session at most";
    return { kind: "impossible", why };
  }
  return new Planner(place).plan(write, sessions[0] ?? null);
}

/** What a refusal of the transaction means; null: it is a refusal of the request. */
export function meaningOf(
  { meanings }: Plan,
  { at, code }: FailedStep,
): Meaning | null {
  const meaning = meanings[at] ?? null;
  switch (code) {
    case CODE.nodeExists:
      return meaning;
    case CODE.noNode:
    case CODE.badVersion:
    case CODE.notEmpty:
      return "outdated";
    default:
      return null;
  }
}

function holds(condition: DcsCondition, scope: StoredScope): boolean {
  const node = keyNode(scope, condition.key);
  switch (condition.kind) {
    case "absent":
      return node === undefined;
    case "value_is":
      return node?.value === condition.value;
    case "revision_is":
      return node !== undefined &&
        String(node.stat.changedAt) === condition.revision;
  }
}

function sessionsOf(edits: readonly DcsEdit[]): readonly SessionId[] {
  const all = edits.flatMap((edit) =>
    edit.kind === "put" && edit.session !== null ? [edit.session] : []
  );
  return [...new Set(all)];
}

/** Collects the steps of one transaction. */
class Planner {
  readonly #place: PlanPlace;
  /** Folders whose number of creations must be the one that was read. */
  readonly #guarded = new Set<string>();
  /** Folders that have to be made. */
  readonly #folders = new Set<string>();
  readonly #steps: { readonly step: Step; readonly meaning: Meaning }[] = [];

  constructor(place: PlanPlace) {
    this.#place = place;
  }

  plan({ when, edits }: DcsWrite, session: SessionId | null): Plan {
    const puts = new Set(
      edits.filter(({ kind }) => kind === "put").map(({ key }) => key),
    );
    const absent = new Set(
      when.filter(({ kind }) => kind === "absent").map(({ key }) => key),
    );
    for (const condition of when) this.#check(condition, puts);
    for (const edit of edits) {
      if (edit.kind === "put") this.#put(edit, absent);
      else if (!absent.has(edit.key)) this.#delete(edit.key);
    }
    // Steps that make nodes come after the guards, which count them.
    const all = [...this.#guards(), ...this.#newFolders(), ...this.#steps];
    return {
      kind: "ready",
      steps: all.map(({ step }) => step),
      meanings: all.map(({ meaning }) => meaning),
      session,
    };
  }

  #check(condition: DcsCondition, puts: ReadonlySet<string>): void {
    const { key } = condition;
    if (condition.kind === "absent") {
      // Its put makes the node, or fails.
      if (!puts.has(key)) this.#mustBeAbsent(key, "condition");
      return;
    }
    const node = this.#node(key);
    if (node === undefined) return;
    this.#guarded.add(folderOf(key));
    this.#add({ kind: "check", ...this.#versioned(key, node) }, "outdated");
  }

  #put(
    { key, value, session }: Extract<DcsEdit, { readonly kind: "put" }>,
    absent: ReadonlySet<string>,
  ): void {
    const { scope, ownerOf } = this.#place;
    const owner = session === null ? 0n : ownerOf(session);
    const node = this.#node(key);
    const mode = session === null ? "persistent" : "ephemeral";
    const create = {
      kind: "create",
      path: this.#path(key),
      value,
      mode,
    } as const;
    if (node === undefined) {
      this.#makeFolder(folderOf(key), scope);
      this.#add(create, absent.has(key) ? "condition" : "outdated");
      return;
    }
    const versioned = this.#versioned(key, node);
    const isSameOwner = node.stat.owner === owner;
    // Another node of that name would have version 0, too.
    if (!isSameOwner || node.stat.version === 0) {
      this.#guarded.add(folderOf(key));
    }
    if (isSameOwner) return this.#add({ kind: "set", ...versioned, value });
    this.#add({ kind: "delete", ...versioned });
    this.#add(create);
  }

  #delete(key: string): void {
    if (this.#node(key) === undefined) {
      return this.#mustBeAbsent(key, "outdated");
    }
    const path = this.#path(key);
    this.#add({ kind: "delete", path, version: ANY_VERSION });
  }

  /** Made and deleted: that fails if it is there. */
  #mustBeAbsent(key: string, meaning: Meaning): void {
    this.#makeFolder(folderOf(key), this.#place.scope);
    const path = this.#path(key);
    this.#add({ kind: "create", path, value: "", mode: "persistent" }, meaning);
    this.#add({ kind: "delete", path, version: ANY_VERSION });
  }

  #makeFolder(folder: string, scope: StoredScope): void {
    if (scope.nodes.has(folder) || this.#folders.has(folder)) return;
    this.#makeFolder(folderOf(folder), scope);
    this.#folders.add(folder);
  }

  #newFolders() {
    return [...this.#folders].map((folder) => {
      const path = this.#path(folder);
      const mode = "persistent";
      const step = { kind: "create", path, value: "", mode } as const;
      return { step, meaning: "outdated" as const };
    });
  }

  #guards() {
    return [...this.#guarded].flatMap((folder) => {
      const creations = this.#node(folder)?.stat.creations ?? 0;
      const path = `${this.#path(folder)}/${GUARD_NAME}`;
      const name = path + String(creations).padStart(COUNT_DIGITS, "0");
      return [
        { kind: "create", path, value: "", mode: "counted" },
        { kind: "delete", path: name, version: ANY_VERSION },
      ] as const;
    }).map((step) => ({ step, meaning: "outdated" as const }));
  }

  #add(step: Step, meaning: Meaning = "outdated"): void {
    this.#steps.push({ step, meaning });
  }

  #node(key: string): StoredNode | undefined {
    return this.#place.scope.nodes.get(key);
  }

  #path(key: string): string {
    return pathOf(this.#place.scopePath, key);
  }

  #versioned(key: string, { stat: { version } }: StoredNode) {
    return { path: this.#path(key), version };
  }
}
