/** The snapshots of a managed member: files `etcd-YYYYMMDDTHHMMSSZ.db`. */
import { join } from "node:path";
import type { EtcdSnapshots } from "../../ports/etcd_member.ts";
import type { EtcdMemberSettings } from "../../core/model/etcd_member.ts";

const NAME = /^etcd-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/;

/** Those on this host's disk. */
export class EtcdSnapshotsLocal implements EtcdSnapshots {
  readonly #options: Pick<EtcdMemberSettings, "snapshotDir" | "snapshotsKept">;

  constructor(
    options: Pick<EtcdMemberSettings, "snapshotDir" | "snapshotsKept">,
  ) {
    this.#options = options;
  }

  async ageMs(): Promise<number | null> {
    const newest = (await this.#names())[0];
    const at = newest === undefined ? null : timeOf(newest);
    // A clock that was set back must not keep snapshots from being made.
    return at === null || at > Date.now() ? null : Date.now() - at;
  }

  async next(): Promise<string> {
    const { snapshotDir } = this.#options;
    await Deno.mkdir(snapshotDir, { recursive: true, mode: 0o700 });
    const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    return join(snapshotDir, `etcd-${stamp}.db`);
  }

  async prune(): Promise<void> {
    const { snapshotDir, snapshotsKept } = this.#options;
    for (const name of (await this.#names()).slice(snapshotsKept)) {
      await Deno.remove(join(snapshotDir, name));
    }
  }

  /** The newest first. */
  async #names(): Promise<readonly string[]> {
    const names: string[] = [];
    try {
      for await (const { name } of Deno.readDir(this.#options.snapshotDir)) {
        if (NAME.test(name)) names.push(name);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return names.toSorted().toReversed();
  }
}

function timeOf(name: string): number | null {
  const [, year, month, day, hour, minute, second] = NAME.exec(name) ?? [];
  const ms = Date.parse(
    `${year}-${month}-${day}T${hour}:${minute}:${second}Z`,
  );
  return Number.isNaN(ms) ? null : ms;
}
