/** A greeting as JSON. */
import type {
  ContainerGreeting,
  VolumeState,
} from "../../core/model/container.ts";

const STATES: readonly VolumeState[] = ["empty", "founding", "member"];

/** Its text. */
export function encodeGreeting(greeting: ContainerGreeting): string {
  return JSON.stringify(greeting);
}

/** Null: it is none. */
export function decodeGreeting(text: string): ContainerGreeting | null {
  const value = parsed(text);
  if (typeof value !== "object" || value === null) return null;
  const fields = new Map<string, unknown>(Object.entries(value));
  const [cluster, name] = [fields.get("cluster"), fields.get("name")];
  const founders = fields.get("founders");
  const state = STATES.find((each) => each === fields.get("state"));
  if (typeof cluster !== "string" || typeof name !== "string") return null;
  if (state === undefined || !isTexts(founders)) return null;
  return { cluster, name, founders, state };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) &&
    value.every((each) => typeof each === "string");
}
