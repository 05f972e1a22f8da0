/** The folder of a managed member: its order, its data, and who the others are. */
import { join } from "node:path";
import type { EtcdView } from "../../core/model/etcd_member.ts";
import type { EtcdOrder } from "../../core/model/etcd_order.ts";
import type { EtcdFolder } from "../../ports/etcd_member.ts";
import type { EtcdMemberSettings } from "../../core/model/etcd_member.ts";
import type { FindPrograms } from "./options.ts";
import { readOrder, replaceFile, writeOrder } from "./order_file.ts";
import { dataPath, lockPath, membersPath } from "./paths.ts";
import { decodeView } from "./wire.ts";

/** A snapshot of gigabytes on a slow disk. */
const RESTORE_MS = 600_000;

/** The folder on this host's disk. */
export class EtcdFolderLocal implements EtcdFolder {
  readonly #options: EtcdMemberSettings;
  readonly #programs: FindPrograms;
  #noted = "";
  #held: Deno.FsFile | null = null;

  constructor(options: EtcdMemberSettings, programs: FindPrograms) {
    this.#options = options;
    this.#programs = programs;
  }

  async hold(): Promise<boolean> {
    const { dataDir } = this.#options;
    await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
    const file = await Deno.open(lockPath(dataDir), {
      ...{ write: true, create: true, mode: 0o600 },
    });
    // The kernel lets go of it when the process ends, however it does.
    if (!await file.tryLock(true)) {
      file.close();
      return false;
    }
    this.#held = file;
    return true;
  }

  release(): void {
    this.#held?.close();
    this.#held = null;
  }

  async isHeld(): Promise<boolean> {
    const path = lockPath(this.#options.dataDir);
    // The folder is its user's, and root looks into it, too.
    const found = await Deno.lstat(path).catch(() => null);
    if (!found?.isFile) return false;
    using file = await Deno.open(path, { read: true });
    return !await file.tryLock(true);
  }

  async order(): Promise<EtcdOrder | null> {
    return await readOrder(this.#options.dataDir);
  }

  async setOrder(order: EtcdOrder): Promise<void> {
    await writeOrder(this.#options.dataDir, order);
  }

  /** etcd makes the folder of its log of changes last, and under another name first. */
  async hasData(): Promise<boolean> {
    const path = join(dataPath(this.#options.dataDir), "member", "wal");
    return await exists(path);
  }

  async setAside(): Promise<string> {
    const from = dataPath(this.#options.dataDir);
    const stamp = new Date().toISOString().replace(/[-:.]/g, "");
    const to = `${from}.before-${stamp}`;
    await Deno.rename(from, to);
    return to;
  }

  async restore(snapshot: string): Promise<void> {
    const { name, peerUrl, dataDir } = this.#options;
    const { restorer } = await this.#programs();
    const next = `${dataPath(dataDir)}.restored`;
    await Deno.remove(next, { recursive: true }).catch(ignoreMissing);
    const { success, stderr } = await new Deno.Command(restorer, {
      args: [
        ...["snapshot", "restore", snapshot, `--data-dir=${next}`],
        ...[`--name=${name}`, `--initial-cluster=${name}=${peerUrl}`],
        `--initial-advertise-peer-urls=${peerUrl}`,
        // Members that still have the old data must not be let in.
        `--initial-cluster-token=restored-${crypto.randomUUID()}`,
      ],
      clearEnv: true,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", ETCDCTL_API: "3" },
      stdin: "null",
      stdout: "null",
      signal: AbortSignal.timeout(RESTORE_MS),
    }).output();
    if (!success) {
      const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
      throw new Error(`Cannot restore ${snapshot}: ${said}`);
    }
    if (await exists(dataPath(dataDir))) await this.setAside();
    await Deno.rename(next, dataPath(dataDir));
  }

  async knownEndpoints(): Promise<readonly string[]> {
    return await knownEndpoints(this.#options.dataDir);
  }

  async noteView(view: EtcdView): Promise<void> {
    const text = `${JSON.stringify(jsonOf(view))}\n`;
    if (text === this.#noted) return;
    await replaceFile(membersPath(this.#options.dataDir), text);
    this.#noted = text;
  }
}

/** Client addresses of the members as they were last known; empty: nothing is. */
export async function knownEndpoints(
  dataDir: string,
): Promise<readonly string[]> {
  try {
    const text = await Deno.readTextFile(membersPath(dataDir));
    const { members } = decodeView(JSON.parse(text));
    return members.flatMap(({ clientUrls }) => clientUrls)
      .filter((url) => URL.canParse(url));
  } catch {
    // Without it etcd is asked where the configuration says.
    return [];
  }
}

/** In etcd's own form. */
function jsonOf({ clusterId, members }: EtcdView): unknown {
  return {
    header: { cluster_id: clusterId },
    members: members.map((one) => ({
      ID: one.id,
      name: one.name,
      peerURLs: [one.peerUrl],
      clientURLs: one.clientUrls,
      isLearner: one.isLearner,
    })),
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
