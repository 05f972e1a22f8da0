/** Finds the programs of other projects that a lab starts. */

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Debian's layout: one folder per major version. */
const DEBIAN_ROOT = "/usr/lib/postgresql";

function debianBinDirs(): string[] {
  try {
    return [...Deno.readDirSync(DEBIAN_ROOT)].map((entry) => entry.name)
      .filter((name) => /^\d+$/.test(name))
      .sort((a, b) => Number(b) - Number(a))
      .map((name) => `${DEBIAN_ROOT}/${name}/bin`);
  } catch {
    return [];
  }
}

function pathDirs(): string[] {
  const path = Deno.env.get("PATH") ?? "/usr/local/bin:/usr/bin:/bin";
  return path.split(":").filter((dir) => dir !== "");
}

/** The folder with `initdb` and `postgres`, the newest version first; null if none. */
export function findPostgresBinDir(): string | null {
  const dirs = [...debianBinDirs(), ...pathDirs()];
  const found = dirs.find((dir) =>
    isFile(`${dir}/initdb`) && isFile(`${dir}/postgres`)
  );
  return found ?? null;
}

/** Whether `name` is on PATH or in the system's folders. */
export function hasProgram(name: string): boolean {
  return [...pathDirs(), "/usr/sbin", "/sbin"]
    .some((dir) => isFile(`${dir}/${name}`));
}
