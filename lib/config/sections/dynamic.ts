/**
 * The keys of the dynamic configuration. `lib/core/codec/settings_codec.ts`
 * reads them, because all members must make the same of them; a test compares
 * both. Source: docs/contract/configuration.md 4.
 */
import { TIMING_FLOORS } from "../../core/codec/timing_codec.ts";
import { checkOf } from "../keys/check.ts";
import { type Key, type KeyMap, withDefaults } from "../keys/key.ts";
import {
  anything,
  count,
  integer,
  map,
  port,
  text,
  textList,
  truth,
  unchecked,
} from "../keys/types.ts";
import {
  anyOf,
  boolean,
  dictionary,
  either,
  oneOfAnyCase,
  then,
} from "../validate/checks.ts";
import { SETTINGS_KEYS } from "./postgres_settings.ts";

const synchronousMode = {
  ...anything,
  check: either(boolean, oneOfAnyCase("quorum")),
};

const takeover = {
  ...anything,
  check: either(boolean, oneOfAnyCase("on", "off"), dictionary),
};

const STANDBY_KEYS: KeyMap = {
  host: {
    type: text,
    meaning: "The remote primary; makes this a standby cluster",
  },
  port: {
    type: port,
    fallback: 5432,
    meaning: "Its port",
  },
  primary_slot_name: {
    type: text,
    meaning: "Slot there",
  },
  create_replica_methods: {
    type: textList,
    fallback: ["basebackup"],
    meaning: "Ways to copy from there",
  },
  restore_command: {
    type: text,
    meaning: "Fetches WAL from an archive",
  },
  archive_cleanup_command: {
    type: text,
    meaning: "Cleans the archive",
  },
  recovery_min_apply_delay: {
    type: text,
    meaning: "Delay of the standby leader",
  },
};

const checkStandby = then(
  anyOf("host", "port", "restore_command"),
  checkOf(STANDBY_KEYS),
);

/** Sections of local files that some copy here; nothing reads them. */
const MISPLACED: Key = { type: anything, field: null };

/** In the order of Patroni's validation. */
export const DYNAMIC_KEYS: KeyMap = withDefaults({
  ttl: {
    type: integer({ min: TIMING_FLOORS.ttl }),
    fallback: 30,
    meaning: "Seconds that the leader's lease lasts",
  },
  loop_wait: {
    type: integer({ min: TIMING_FLOORS.loop_wait }),
    fallback: 10,
    meaning: "Seconds between cycles",
  },
  retry_timeout: {
    type: integer({ min: TIMING_FLOORS.retry_timeout }),
    fallback: 10,
    meaning: "Seconds for retries in one cycle",
  },
  maximum_lag_on_failover: {
    type: count,
    fallback: 1_048_576,
    meaning: "Bytes; replicas further behind do not lead",
  },
  primary_race_backoff: {
    type: count,
    fallback: 0,
    meaning:
      "Seconds that a race waits while WAL of the old leader still comes in",
  },
  maximum_lag_on_syncnode: {
    type: integer({ min: -1 }),
    fallback: -1,
    meaning: "Bytes; a synchronous standby further behind is replaced",
  },
  max_timelines_history: {
    type: unchecked(count),
    fallback: 0,
    meaning: "Lines of history that are kept; 0: all",
  },
  member_slots_ttl: {
    type: integer({ min: 0, unit: "s" }),
    fallback: "30min",
    meaning: "How long slots of vanished members stay",
  },
  postgresql: { type: map, keys: SETTINGS_KEYS },
  primary_start_timeout: {
    type: count,
    fallback: 300,
    aliases: ["master_start_timeout"],
    meaning: "Seconds that a crashed primary has to come back",
  },
  primary_stop_timeout: {
    type: count,
    fallback: 0,
    aliases: ["master_stop_timeout"],
    meaning: "Seconds until a stop becomes a kill, in synchronous mode",
  },
  standby_cluster: { type: map, keys: STANDBY_KEYS, check: checkStandby },
  synchronous_mode: {
    type: synchronousMode,
    fallback: "off",
    meaning: "on, off or quorum",
  },
  synchronous_mode_strict: {
    type: truth,
    fallback: false,
    meaning: "Rather no writes than no synchronous standby",
  },
  synchronous_node_count: {
    type: integer({ min: 1 }),
    fallback: 1,
    meaning: "Synchronous standbys",
  },
  takeover: {
    type: takeover,
    fallback: "off",
    meaning:
      "Ours: replace a lost leader in seconds, whatever the ttl; off, on, or `{suspect_after: 1.5, veto_time: 0.7}`",
  },
  failsafe_mode: {
    type: unchecked(truth),
    fallback: false,
    meaning: "Lead on without the DCS while all members agree",
  },
  check_timeline: {
    type: unchecked(truth),
    fallback: false,
    meaning: "Only the newest timeline may lead",
  },
  pause: {
    type: unchecked(truth),
    fallback: false,
    meaning: "Maintenance mode",
  },
  ignore_slots: {
    type: anything,
    fallback: [],
    meaning: "Slots that are left alone",
  },
  slots: {
    type: unchecked(map),
    fallback: {},
    aliases: ["permanent_slots", "permanent_replication_slots"],
    meaning: "Permanent slots, by name; the first 1,000 count",
  },
  log: MISPLACED,
  restapi: MISPLACED,
  tags: MISPLACED,
  watchdog: MISPLACED,
}, { layer: "dynamic", apply: "reload" });
