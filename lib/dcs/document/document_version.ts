/**
 * The mark of one save: `<count>.<random>`. The count tells older from newer while
 * the server does not go back; the random part keeps a version from coming a
 * second time when it does, so that nobody takes another state for the one that
 * it has seen.
 */
import { type Revision, revision } from "../../core/base/units.ts";
import type { Random } from "../../ports/random.ts";

const VERSION = /^[1-9]\d{0,14}\.[0-9a-f]{16}$/;

/** Whether the text is a version. */
export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

/** How many saves there have been, this one included. */
export function countOf(version: string): number {
  return Number(version.slice(0, version.indexOf(".")));
}

/** The version of the next save; null: there is no document yet. */
export function versionAfter(version: string | null, random: Random): Revision {
  const count = version === null ? 1 : countOf(version) + 1;
  return revision(`${count}.${randomHex(random)}`);
}

/** 64 random bits, as 16 hexadecimal digits. */
export function randomHex(random: Random): string {
  const part = (): string =>
    Math.floor(random.next() * 2 ** 32).toString(16).padStart(8, "0");
  return part() + part();
}
