/**
 * Before the side-by-side tests: gets Patroni, what it and `patronictl` need
 * beyond that, Consul, ZooKeeper and vip-manager. What cannot be had makes the
 * tests skip, or, with CI=true, fails here. As root the first time; later runs need nothing.
 */
import { getPatroni, unpackPackage } from "../../scripts/bench/get_patroni.ts";
import { getConsul } from "../helpers/consul_program.ts";
import { getZookeeper } from "../helpers/zookeeper_program.ts";
import {
  PATRONI_DIR,
  PYTHON_PATH,
  VIP_MANAGER,
  VIP_MANAGER_DIR,
} from "./programs.ts";

/** What Patroni speaks to Consul with; the package itself comes last. */
const CONSUL_NEEDS = [
  ...["python3-requests", "python3-certifi", "python3-idna"],
  ...["python3-chardet", "python3-charset-normalizer", "python3-consul"],
];

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function prepare(): Promise<void> {
  await getPatroni(PATRONI_DIR);
  if (!await isThere(`${PYTHON_PATH}/cdiff.py`)) {
    const place = { suite: "bookworm", dir: PATRONI_DIR };
    await unpackPackage("python3-cdiff", place);
  }
  if (!await isThere(`${PYTHON_PATH}/consul`)) {
    const place = { suite: "bookworm", dir: PATRONI_DIR };
    for (const name of CONSUL_NEEDS) await unpackPackage(name, place);
  }
  if (!await isThere(`${PYTHON_PATH}/kazoo`)) {
    const place = { suite: "bookworm", dir: PATRONI_DIR };
    await unpackPackage("python3-kazoo", place);
  }
  await getConsul();
  await getZookeeper();
  if (!await isThere(VIP_MANAGER)) {
    const place = { suite: "trixie", dir: VIP_MANAGER_DIR };
    await unpackPackage("vip-manager2", place);
  }
}

if (import.meta.main) {
  try {
    await prepare();
  } catch (error) {
    console.error(`compat: Patroni cannot be had: ${error}`);
    if (Deno.env.get("CI") === "true") Deno.exit(1);
  }
}
