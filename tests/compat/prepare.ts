/**
 * Before the side-by-side tests: gets Patroni, what `patronictl` needs beyond
 * it, and vip-manager. What can not be had makes the tests skip, or, with
 * CI=true, fails here. As root the first time; later runs need nothing.
 */
import { getPatroni } from "../../scripts/bench/get_patroni.ts";
import { PATRONI_DIR, PYTHON_PATH, VIP_MANAGER_DIR } from "./programs.ts";

/** Unpacks a package of this machine's own suite; installs nothing. */
async function unpack(name: string, dir: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-deb-" });
  try {
    await run("apt-get", ["-qq", "-o", SANDBOX, "download", name], folder);
    const [file] = [...Deno.readDirSync(folder)];
    if (file === undefined) throw new Error(`There is no package ${name}`);
    await Deno.mkdir(dir, { recursive: true });
    await run("dpkg", ["-x", file.name, dir], folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The folder is root's own. */
const SANDBOX = "APT::Sandbox::User=";

async function run(command: string, args: string[], cwd: string) {
  const { code } = await new Deno.Command(command, {
    args,
    cwd,
    stdin: "null",
    stdout: "null",
  }).output();
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}`);
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function prepare(): Promise<void> {
  await getPatroni(PATRONI_DIR);
  if (!await isThere(`${PYTHON_PATH}/cdiff.py`)) {
    await unpack("python3-cdiff", PATRONI_DIR);
  }
  if (!await isThere(VIP_MANAGER_DIR)) {
    await unpack("vip-manager", VIP_MANAGER_DIR);
  }
}

if (import.meta.main) {
  try {
    await prepare();
  } catch (error) {
    console.error(`compat: Patroni can not be had: ${error}`);
    if (Deno.env.get("CI") === "true") Deno.exit(1);
  }
}
