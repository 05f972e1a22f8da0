/**
 * What runs inside of Redis: one look and one comparison, each at one moment with
 * the question which life of the server this is.
 */

/** `run_id` is new with each start, `master_replid` with each promotion. */
const ERA = `
local info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication')
if string.match(info, 'role:(%a+)') ~= 'master' then
  return redis.error_reply('STANDBY it is a replica')
end
local era = string.match(info, 'run_id:(%w+)') .. '/' ..
  string.match(info, 'master_replid:(%w+)')
`;

/** KEYS: the scope. Gives era, number of replicas, version and document, or false. */
export const LOAD = `${ERA}
local found = redis.call('HMGET', KEYS[1], 'version', 'document')
return {era, tonumber(string.match(info, 'connected_slaves:(%d+)')),
  found[1], found[2]}
`;

/** KEYS: the scope. ARGV: seen version or empty, version, document, era, channel. */
export const SAVE = `${ERA}
local now = redis.call('HGET', KEYS[1], 'version') or ''
if era ~= ARGV[4] or now ~= ARGV[1] then return 'outdated' end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'document', ARGV[3])
redis.call('PUBLISH', ARGV[5], ARGV[2])
return 'saved'
`;

/** What LOAD has found. */
export interface Loaded {
  readonly era: string;
  readonly replicas: number;
  readonly stored: { readonly version: string; readonly text: string } | null;
}

/** Null: it is no answer of LOAD's. */
export function loadedOf(answer: unknown): Loaded | null {
  if (!Array.isArray(answer)) return null;
  const [era, replicas, version, text]: readonly unknown[] = answer;
  if (typeof era !== "string" || typeof replicas !== "number") return null;
  if (version === null || version === undefined) {
    return { era, replicas, stored: null };
  }
  const isStored = typeof version === "string" && typeof text === "string";
  return isStored ? { era, replicas, stored: { version, text } } : null;
}
