/**
 * A file beside the data directory that says: a pooler may be paused. It must
 * outlive the agent, so that the next one resumes what a killed one has paused.
 */
import { basename, dirname, join } from "node:path";

/** Says over a restart of the agent that a pooler may be paused. */
export class PauseMark {
  readonly #path: string;

  constructor(dataDir: string) {
    const path = dataDir.length > 1 && dataDir.endsWith("/")
      ? dataDir.slice(0, -1)
      : dataDir;
    this.#path = join(dirname(path), `.${basename(path)}.matriarch-pooler`);
  }

  /** @throws {Error} If it cannot be written. */
  async set(): Promise<void> {
    await Deno.writeTextFile(this.#path, "paused\n", { mode: 0o600 });
  }

  async isSet(): Promise<boolean> {
    try {
      await Deno.stat(this.#path);
      return true;
    } catch {
      return false;
    }
  }

  /** One that cannot be removed only lets the next agent resume in vain. */
  async clear(): Promise<void> {
    await Deno.remove(this.#path).catch(() => {});
  }
}
