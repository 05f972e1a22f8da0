/**
 * Whether traces are wanted, and where: OpenTelemetry's own variables, which its
 * other programs read, too, so that one environment file serves all.
 */

/** What the environment asks for. */
export type TracesWish =
  | { readonly kind: "none" }
  | {
    readonly kind: "otlp";
    readonly encoding: "http/protobuf" | "http/json";
    /** Without account, query and path, for messages. */
    readonly place: string;
    /** Spans wait that long for others, in milliseconds. */
    readonly delayMs: number;
  }
  /** Asked for in a way that leads nowhere; one sentence that says what to do. */
  | { readonly kind: "unusable"; readonly text: string };

type Environment = Readonly<Record<string, string>>;

const DELAY_MS = 5_000;
const DELAY_MS_MAX = 60_000;

/**
 * Reads the variables; an empty one is as none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(tracesWish({}), { kind: "none" });
 * ```
 */
export function tracesWish(env: Environment): TracesWish {
  const [name, url] = endpoint(env);
  if (url === "" || isOff(env)) return { kind: "none" };
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    return unusable(
      `${name} is no http:// or https:// address: set it to that of an ` +
        "OTLP/HTTP collector, such as http://collector:4318",
    );
  }
  const protocol = first(env, PROTOCOLS)[1] || "http/protobuf";
  if (protocol !== "http/protobuf" && protocol !== "http/json") {
    return unusable(
      `${first(env, PROTOCOLS)[0]} names a protocol that is not spoken here: ` +
        "set http/protobuf or http/json, and the collector's port for HTTP (4318)",
    );
  }
  return {
    kind: "otlp",
    encoding: protocol,
    place: parsed.origin,
    delayMs: delayMs(env["OTEL_BSP_SCHEDULE_DELAY"] ?? ""),
  };
}

const ENDPOINTS = [
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
];
const PROTOCOLS = [
  "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
];

function endpoint(env: Environment): readonly [string, string] {
  return first(env, ENDPOINTS);
}

/** The first variable that is set, and its value; else an empty value. */
function first(
  env: Environment,
  names: readonly string[],
): readonly [string, string] {
  for (const name of names) {
    const value = env[name]?.trim() ?? "";
    if (value !== "") return [name, value];
  }
  return ["", ""];
}

function isOff(env: Environment): boolean {
  const exporters = env["OTEL_TRACES_EXPORTER"]?.trim() ?? "";
  return env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true" ||
    exporters !== "" && !exporters.split(",").includes("otlp");
}

function delayMs(text: string): number {
  return /^\d{1,9}$/.test(text.trim())
    ? Math.min(Number(text), DELAY_MS_MAX)
    : DELAY_MS;
}

function unusable(text: string): TracesWish {
  return { kind: "unusable", text: `No traces are sent: ${text}` };
}
