/**
 * The content of write-ahead logs as points in a tree of branches. Each
 * promotion grows a branch of its own, so two instances that chose the same
 * timeline number still differ here, as they do in reality.
 */

/** One line of writing between two promotions. */
export interface Branch {
  readonly timeline: number;
  readonly parent: Branch | null;
  /** Where it left its parent. */
  readonly forkLsn: number;
}

/** Everything up to `lsn` on the path to `branch`. */
export interface Point {
  readonly branch: Branch;
  readonly lsn: number;
}

/** The branch of initdb. */
export function firstBranch(): Branch {
  return { timeline: 1, parent: null, forkLsn: 0 };
}

/** The branch that a promotion at `point` begins. */
export function fork(point: Point): Branch {
  return {
    timeline: point.branch.timeline + 1,
    parent: point.branch,
    forkLsn: point.lsn,
  };
}

/** True if whoever has `whole` also has `part`. */
export function contains(whole: Point, part: Point): boolean {
  let limit = whole.lsn;
  for (
    let branch: Branch | null = whole.branch;
    branch !== null;
    branch = branch.parent
  ) {
    if (branch === part.branch) return part.lsn <= limit;
    limit = branch.forkLsn;
  }
  return false;
}

/** Up to where `whole` has the same content as `part`. */
export function commonLsn(whole: Point, part: Point): number {
  const limits = new Map<Branch, number>();
  let limit = whole.lsn;
  for (let b: Branch | null = whole.branch; b !== null; b = b.parent) {
    limits.set(b, limit);
    limit = b.forkLsn;
  }
  let end = part.lsn;
  for (let b: Branch | null = part.branch; b !== null; b = b.parent) {
    const shared = limits.get(b);
    if (shared !== undefined) return Math.min(shared, end);
    end = b.forkLsn;
  }
  return 0;
}

/** One line per promotion on the path to `branch`, oldest first. */
export function historyOf(
  branch: Branch,
): readonly { readonly timeline: number; readonly lsn: number }[] {
  const lines: { timeline: number; lsn: number }[] = [];
  for (let b: Branch = branch; b.parent !== null; b = b.parent) {
    lines.unshift({ timeline: b.parent.timeline, lsn: b.forkLsn });
  }
  return lines;
}
