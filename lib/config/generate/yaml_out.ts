/**
 * Writes configurations as people read them: sections in a known order, keys
 * sorted, an empty line before each section, and a word about `bootstrap.dcs`.
 *
 * Source: docs/contract/configuration.md 9.
 */
import { stringify } from "yaml";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";

const ORDER =
  "scope namespace name log restapi ctl citus consul dynamodb etcd etcd3 exhibitor kubernetes pgstore raft redis sqlite zookeeper bootstrap postgresql proxy watchdog tags"
    .split(" ");

const TIMING = ["loop_wait", "retry_timeout", "ttl"];

const BOOTSTRAP_NOTE =
  "# Read once, by the member that creates the cluster; later changes are made\n" +
  "# with edit-config or PATCH /config";

const DCS_NOTE = "  # The first dynamic configuration of the whole cluster";

/** YAML of any document, keys sorted, ending in a newline. */
export function sortedYaml(document: unknown): string {
  return stringify(document, {
    version: "1.1",
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    singleQuote: true,
    aliasDuplicateObjects: false,
  });
}

/** The generators' layout; without a newline at the end. */
export function configurationYaml(document: ConfigMap): string {
  const parts = ORDER.flatMap((key) => {
    const value = ownValue(document, key);
    if (value === undefined) return [];
    if (!isConfigMap(value)) return [sortedYaml({ [key]: value })];
    const text = key === "bootstrap"
      ? bootstrapYaml(value)
      : sortedYaml({ [key]: value });
    return [`\n${text}`];
  });
  return parts.join("").trimEnd();
}

function bootstrapYaml(section: ConfigMap): string {
  const value = ownValue(section, "dcs");
  const dcs = isConfigMap(value) ? value : {};
  const first = TIMING.filter((key) => Object.hasOwn(dcs, key))
    .map((key) => sortedYaml({ [key]: dcs[key] }));
  const rest = Object.entries(dcs).filter(([key]) => !TIMING.includes(key));
  const others = rest.length === 0 ? "" : sortedYaml(Object.fromEntries(rest));
  const lines = [...first, others].join("").trimEnd().split("\n");
  const indented = lines.map((line) => line === "" ? "" : `    ${line}`);
  return [BOOTSTRAP_NOTE, "bootstrap:", DCS_NOTE, "  dcs:", ...indented, ""]
    .join("\n");
}
