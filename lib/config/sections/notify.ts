/**
 * Section `notify`, ours: who is told what happens to the cluster. A list; no
 * entry, nobody.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import {
  NOTICE_EVENTS,
  type NoticeEvent,
  type NotifyTarget,
} from "../../core/model/notice.ts";
import { isAbsent, Wanted } from "../fields.ts";
import type { ValueType } from "../keys/key.ts";
import { anything, durationMs } from "../keys/types.ts";

const KEYS: ReadonlySet<string> = new Set([
  ...["url", "events", "secret", "cafile", "timeout"],
]);

/** As many lanes are worth having. */
const TARGETS_MAX = 16;

const TIMEOUT = { min: 100, max: 60_000, usual: 10_000 } as const;

const ENCODED_SECRET = /^whsec_[A-Za-z0-9+/]{16,1024}={0,2}$/;
const SECRET_LENGTH_MIN = 16;

/** The section. */
export const notify: ValueType<readonly NotifyTarget[]> = {
  ...anything,
  read: readTargets,
};

function readTargets(value: unknown): readonly NotifyTarget[] | Wanted {
  const list = Array.isArray(value) ? value : [value];
  const targets: NotifyTarget[] = [];
  for (const [at, item] of list.entries()) {
    const target = readTarget(item);
    if (target instanceof Wanted) {
      return new Wanted(`${target.text} in entry ${at + 1}`);
    }
    targets.push(target);
  }
  if (targets.length > TARGETS_MAX) {
    return new Wanted(`at most ${TARGETS_MAX} entries`);
  }
  const urls = new Set(targets.map(({ url }) => url));
  return urls.size === targets.length ? targets : new Wanted("each url once");
}

function readTarget(value: unknown): NotifyTarget | Wanted {
  if (!isConfigMap(value)) return new Wanted("a list of maps with url");
  const unknown = Object.keys(value).find((key) => !KEYS.has(key));
  if (unknown !== undefined) {
    return new Wanted(`only ${[...KEYS].join(", ")}`);
  }
  const url = readUrl(value);
  if (url instanceof Wanted) return url;
  const events = readEvents(value);
  if (events instanceof Wanted) return events;
  const secret = readSecret(value);
  if (secret instanceof Wanted) return secret;
  const timeoutMs = readTimeout(value);
  if (timeoutMs instanceof Wanted) return timeoutMs;
  const cafile = ownValue(value, "cafile") ?? null;
  if (cafile !== null && !(typeof cafile === "string" && cafile !== "")) {
    return new Wanted("cafile: the path of a file");
  }
  return { url, events, secret, cafile, timeoutMs };
}

function readUrl(value: ConfigMap): string | Wanted {
  const text = ownValue(value, "url");
  const url = typeof text === "string" ? URL.parse(text) : null;
  const isUsable = url !== null && /^https?:$/.test(url.protocol) &&
    url.hostname !== "" && url.username === "" && url.password === "";
  return isUsable
    ? url.href
    : new Wanted("url: an http or https address without user and password");
}

function readEvents(value: ConfigMap): readonly NoticeEvent[] | null | Wanted {
  const events = ownValue(value, "events");
  if (isAbsent(events)) return null;
  const isList = Array.isArray(events) && events.length > 0 &&
    events.every(isEvent);
  return isList
    ? events
    : new Wanted(`events: a list of ${NOTICE_EVENTS.join(", ")}`);
}

function readSecret(value: ConfigMap): string | null | Wanted {
  const secret = ownValue(value, "secret");
  if (isAbsent(secret)) return null;
  const isUsable = typeof secret === "string" &&
    (secret.startsWith("whsec_")
      ? ENCODED_SECRET.test(secret)
      : secret.length >= SECRET_LENGTH_MIN);
  return isUsable ? secret : new Wanted(
    `secret: whsec_ and base64, or a text of at least ${SECRET_LENGTH_MIN} signs`,
  );
}

function readTimeout(value: ConfigMap): number | Wanted {
  const { min, max, usual } = TIMEOUT;
  const timeout = ownValue(value, "timeout");
  if (isAbsent(timeout)) return usual;
  const ms = durationMs.read(timeout);
  return ms instanceof Wanted || ms < min || ms > max
    ? new Wanted("timeout: from 100 ms to 60 s")
    : ms;
}

function isEvent(value: unknown): value is NoticeEvent {
  return NOTICE_EVENTS.some((event) => event === value);
}
