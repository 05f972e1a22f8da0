/** Options that `init` and `join` share, and what they come to. */
import { isIP } from "node:net";
import { Wanted } from "../config/fields.ts";
import { parseVipAddress } from "../config/sections/vip.ts";
import { readStore } from "../config/stores/all.ts";
import type { StoreSection } from "../setup/blueprint.ts";
import { folderOf, type SetupPlaces, USUAL_PLACES } from "../setup/layout.ts";
import { OWN_STORE } from "../setup/own_store.ts";
import { parseDcsUrl } from "./dcs_url.ts";
import type { OptionDefinition } from "./definition.ts";
import { messageOf, UsageError } from "./errors.ts";
import type { Invocation } from "./invocation.ts";

/** `--address`. */
export const ADDRESS_OPTION: OptionDefinition = {
  flags: ["--address"],
  value: "text",
  help: "Address of this host, by which the others reach it",
};

/** `--name`. */
export const NAME_OPTION: OptionDefinition = {
  flags: ["--name"],
  value: "text",
  help: "Name of this member (the host's)",
};

/** `--data-dir`. */
export const DATA_DIR_OPTION: OptionDefinition = {
  flags: ["--data-dir"],
  value: "text",
  help: `PostgreSQL's data directory (${USUAL_PLACES.dataDir})`,
};

/** `--pg-bin`. */
export const PG_BIN_OPTION: OptionDefinition = {
  flags: ["--pg-bin"],
  value: "text",
  help: "Folder of PostgreSQL's programs (the newest version)",
};

/** `--user`. */
export const USER_OPTION: OptionDefinition = {
  flags: ["--user"],
  value: "text",
  help: "User that the agent and PostgreSQL run as (postgres)",
};

/** `--config-dir`. */
export const CONFIG_DIR_OPTION: OptionDefinition = {
  flags: ["--config-dir"],
  value: "text",
  help: `Folder of the configuration (${USUAL_PLACES.configDir})`,
};

/** `--socket-dir`. */
export const SOCKET_DIR_OPTION: OptionDefinition = {
  flags: ["--socket-dir"],
  value: "text",
  help: `Folder of PostgreSQL's socket (${USUAL_PLACES.socketDir})`,
};

/** `--dry-run`. */
export const DRY_RUN_OPTION: OptionDefinition = {
  flags: ["--dry-run"],
  value: "none",
  help: "Check, and print the files; change nothing",
};

/** `--no-start`. */
export const NO_START_OPTION: OptionDefinition = {
  flags: ["--no-start"],
  value: "none",
  help: "Write the files, start nothing",
};

/** @throws {UsageError} If it is missing, or not an address. */
export function requiredAddress(
  invocation: Invocation,
  command: string,
): string {
  const address = invocation.text("--address");
  if (address === null) {
    throw new UsageError(command, "Missing option '--address'.");
  }
  if (isIP(address) !== 0) return address;
  throw new UsageError(
    command,
    `Invalid value for '--address': '${address}' is not an IP address.`,
  );
}

/** @throws {UsageError} If it is no address. */
export function wantedVip(
  invocation: Invocation,
  command: string,
): string | null {
  const vip = invocation.text("--vip");
  if (vip === null || parseVipAddress(vip) !== null) return vip;
  throw new UsageError(
    command,
    `Invalid value for '--vip': '${vip}' is not an IP address or ADDRESS/PREFIX.`,
  );
}

/** Where everything is to lie. */
export function placesOf(invocation: Invocation): SetupPlaces {
  const configDir = folderGiven(invocation, "--config-dir");
  const isElsewhere = configDir !== null && invocation.has("--no-start");
  const dataDir = folderGiven(invocation, "--data-dir") ??
    USUAL_PLACES.dataDir;
  return {
    configDir: configDir ?? USUAL_PLACES.configDir,
    unitPath: isElsewhere ? null : USUAL_PLACES.unitPath,
    dataDir,
    storeDir: `${folderOf(dataDir).replace(/\/$/, "")}/etcd`,
    socketDir: folderGiven(invocation, "--socket-dir") ??
      USUAL_PLACES.socketDir,
  };
}

/** @throws {UsageError} If it is no absolute path. */
function folderGiven(invocation: Invocation, flag: string): string | null {
  const path = invocation.text(flag);
  if (path === null) return null;
  const isPath = path.startsWith("/") && path.length > 1 &&
    !/[\n"\\]/.test(path);
  if (isPath) return path.endsWith("/") ? path.slice(0, -1) : path;
  throw new UsageError(
    null,
    `Invalid value for '${flag}': '${path}' is not an absolute path.`,
  );
}

/** The store that the options name; without one the hosts run it themselves. @throws {UsageError} If they name two. */
export function storeOf(
  invocation: Invocation,
  command: string,
): { readonly store: StoreSection; readonly namespace: string | null } {
  const hosts = invocation.text("--etcd-hosts");
  const url = invocation.text("--store");
  if (hosts === null && url === null) {
    return { store: OWN_STORE, namespace: null };
  }
  if (hosts !== null && url !== null) {
    throw new UsageError(
      command,
      "'--etcd-hosts' and '--store' name two stores.",
    );
  }
  try {
    const { kind, section, namespace } = hosts === null
      ? parseDcsUrl(url ?? "")
      : { ...etcdSection(hosts), namespace: null };
    if (kind === "kubernetes") {
      throw new Error("in Kubernetes hosts are set up by its own means");
    }
    if (readStore({ [kind]: section }) instanceof Wanted) {
      throw new Error("that is no address of a store");
    }
    return {
      store: { name: kind, section },
      namespace: namespace?.replace(/^\/+/, "") ?? null,
    };
  } catch (error) {
    const flag = hosts === null ? "--store" : "--etcd-hosts";
    const text = `Invalid value for '${flag}': ${messageOf(error)}.`;
    throw new UsageError(command, text);
  }
}

function etcdSection(
  text: string,
): { readonly kind: "etcd3"; readonly section: Record<string, unknown> } {
  const given = text.split(",").map((each) => each.trim()).filter(Boolean);
  const isTls = given.some((host) => host.startsWith("https://"));
  const hosts = given.map((host) => host.replace(/^https?:\/\//, ""));
  const section = isTls ? { protocol: "https", hosts } : { hosts };
  return { kind: "etcd3", section };
}
