/**
 * The last consent of failsafe mode in a file beside the data directory. It must
 * outlive the agent, not the host: after a boot only the boot itself counts, so
 * nothing needs to be on the disk before the answer goes out.
 */
import { basename, dirname, join } from "node:path";
import { moment } from "../../core/base/units.ts";
import { parseJsonObject } from "../../core/codec/json.ts";
import type { LastConsent } from "../../core/model/failsafe.ts";
import type { ConsentRecord } from "../../ports/consents.ts";
import { withoutTrailing } from "../../core/base/trailing.ts";

const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

/** Keeps the last consent of failsafe mode in a file. */
export class ConsentFile implements ConsentRecord {
  readonly #path: string;
  readonly #member: string;
  readonly #bootIdPath: string;

  /** @param place The data directory, and who it belongs to. */
  constructor(
    place: { readonly dataDir: string; readonly member: string },
    bootIdPath = BOOT_ID_PATH,
  ) {
    const path = withoutTrailing(place.dataDir, "/");
    this.#path = join(dirname(path), `.${basename(path)}.matriarch-consent`);
    this.#member = place.member;
    this.#bootIdPath = bootIdPath;
  }

  async load(): Promise<LastConsent | null> {
    try {
      const { boot, member, at, ttl_ms: ttlMs } =
        parseJsonObject(await Deno.readTextFile(this.#path)) ?? {};
      const isOurs = member === this.#member && isTime(at) &&
        (ttlMs === null || isTime(ttlMs));
      if (!isOurs || typeof boot !== "string") return null;
      // The moments of another life of the host were before this one's first.
      const isSameBoot = boot === await this.#bootId();
      return { at: moment(isSameBoot ? at : 0), ttlMs };
    } catch {
      return null;
    }
  }

  async save({ at, ttlMs }: LastConsent): Promise<void> {
    const temporary = `${this.#path}.new`;
    try {
      const boot = await this.#bootId();
      const record = { boot, member: this.#member, at, ttl_ms: ttlMs };
      await Deno.writeTextFile(temporary, JSON.stringify(record), {
        mode: 0o600,
      });
      await Deno.rename(temporary, this.#path);
    } catch {
      await removed(this.#path);
    }
  }

  async #bootId(): Promise<string> {
    return (await Deno.readTextFile(this.#bootIdPath)).trim();
  }
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}

async function removed(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
