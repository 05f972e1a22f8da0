/** What comes and goes with a virtual address, and the operator's programs for it. */
import { isIP } from "node:net";
import {
  type ConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import {
  type CommandWords,
  NO_INTERFACE,
  type Vip,
  type VipCommand,
} from "../../core/model/vip.ts";
import { isAbsent, Wanted } from "../fields.ts";
import { durationMs } from "../keys/types.ts";

/** Where an address is bound. */
export type VipPlace = Pick<Vip, "address" | "prefixLength" | "interface">;

type VipExtras = Pick<Vip, "label" | "routes" | "rules" | "onMove" | "exec">;

/** Source: linux/if.h, IFNAMSIZ. */
const LABEL_MAX = 15;
/** Nothing that would be an option of `ip`. */
const ROUTE_WORD = /^[A-Za-z0-9][A-Za-z0-9./:_@-]*$/;
const PROGRAM_MS = 10_000;
const TIMEOUT_MS = { min: 100, max: 300_000 } as const;
const PROVIDERS: readonly unknown[] = ["linux", "exec"];

/** What an entry says of them. */
export function readVipExtras(
  value: ConfigMap,
  place: VipPlace,
): VipExtras | Wanted {
  const isBound = place.interface !== NO_INTERFACE;
  const label = ownValue(value, "label");
  if (!isAbsent(label) && !isLabel(label, place)) {
    return new Wanted(
      `label: the interface and more, such as ${place.interface}:1, of at ` +
        `most ${LABEL_MAX} signs, for IPv4`,
    );
  }
  const routes = readWordLists(ownValue(value, "routes"));
  if (routes === null || (routes.length > 0 && !isBound)) {
    return new Wanted(
      "routes: a list of texts such as default via 10.0.0.1 table 100, with " +
        "interface",
    );
  }
  const rules = readWordLists(ownValue(value, "rules"));
  if (rules === null || (rules.length > 0 && !isBound)) {
    return new Wanted(
      "rules: a list of texts such as from 10.0.0.9 table 100, with interface",
    );
  }
  const onMove = readCommand(value, "on_move");
  if (onMove instanceof Wanted) return onMove;
  const exec = readExec(value);
  if (exec instanceof Wanted) return exec;
  return {
    label: typeof label === "string" ? label : null,
    ...{ routes, rules, onMove, exec },
  };
}

function readExec(value: ConfigMap): VipCommand | null | Wanted {
  const provider = ownValue(value, "provider") ?? "linux";
  if (!PROVIDERS.includes(provider)) {
    return new Wanted("provider: linux or exec");
  }
  const exec = readCommand(value, "command");
  const isWhole = (provider === "exec") === (exec !== null);
  return isWhole
    ? exec
    : new Wanted("command: the path of a program, with provider: exec");
}

/** A program with its words, and `KEY_timeout` beside it; null: none is named. */
function readCommand(
  value: ConfigMap,
  key: string,
): VipCommand | null | Wanted {
  const command = ownValue(value, key);
  if (isAbsent(command)) return null;
  const words = wordsOf(command);
  if (words === null || !words[0]?.startsWith("/")) {
    return new Wanted(`${key}: the path of a program, and words for it`);
  }
  const given = ownValue(value, `${key}_timeout`);
  const timeoutMs = isAbsent(given) ? PROGRAM_MS : durationMs.read(given);
  const { min, max } = TIMEOUT_MS;
  return timeoutMs instanceof Wanted || timeoutMs < min || timeoutMs > max
    ? new Wanted(`${key}_timeout: a time from 0.1 s to 300 s`)
    : { words, timeoutMs };
}

function wordsOf(value: unknown): CommandWords | null {
  const words = typeof value === "string"
    ? value.split(/\s+/).filter((word) => word !== "")
    : value;
  const isWords = Array.isArray(words) && words.length > 0 &&
    words.every((word) => typeof word === "string" && !word.includes("\0"));
  return isWords ? words : null;
}

function readWordLists(value: unknown): readonly CommandWords[] | null {
  if (isAbsent(value)) return [];
  if (!Array.isArray(value)) return null;
  const lists = value.map(wordsOf);
  const areWords = lists.every((words) =>
    words !== null && words.every((word) => ROUTE_WORD.test(word))
  );
  return areWords
    ? lists.flatMap((words) => words === null ? [] : [words])
    : null;
}

function isLabel(label: unknown, place: VipPlace): label is string {
  return typeof label === "string" && label.length <= LABEL_MAX &&
    place.interface !== NO_INTERFACE && label.startsWith(place.interface) &&
    /^[^\s/]+$/.test(label) && isIP(place.address) === 4;
}
