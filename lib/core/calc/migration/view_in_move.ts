/** What a proxy goes by while the scope moves to another store. */
import type { ClusterView } from "../../model/cluster_view.ts";

/**
 * The view with those who are on their way. An agent that leaves for the next
 * store takes its keys along, a moment before the move leaves them without a
 * lease; its PostgreSQL runs on, as everybody's does in maintenance mode, and
 * nobody fails over. So a key that is gone means nothing until the move ends.
 *
 * @param before What was gone by until now; null: nothing yet.
 */
export function viewInMove(
  before: ClusterView | null,
  now: ClusterView,
): ClusterView {
  if (before === null || !now.isMoving) return now;
  const present = new Set(now.members.map(({ name }) => name));
  const away = before.members.filter(({ name }) => !present.has(name));
  const members = [...now.members, ...away]
    .sort((a, b) => a.name < b.name ? -1 : 1);
  return { ...now, leader: now.leader ?? before.leader, members };
}
