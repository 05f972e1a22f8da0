/**
 * Where a linted file stands in the house: its path from the root of the
 * checkout, and whether it is a test. Every rule of this plugin asks here, so
 * "core" or "a test" means the same to all of them.
 */

const ROOT = new URL("../../", import.meta.url).pathname;

/**
 * Path of `filename` from the root of the checkout, with forward slashes.
 *
 * @param filename As the linter gives it: absolute, or relative to the root.
 */
export function housePath(filename: string): string {
  const path = filename.startsWith("file://")
    ? new URL(filename).pathname
    : filename;
  const inside = path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
  return inside.replace(/^(\.?\/)+/, "");
}

/** Whether `path` is test code, which may do what product code may not. */
export function isTest(path: string): boolean {
  return path.startsWith("tests/") || path.endsWith("_test.ts");
}

/** Whether `path` lies in `folder`, or is that very file. */
export function isUnder(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Whether `path` is part of the product: what `deno task compile` packs. */
export function isProduct(path: string): boolean {
  const inside = isUnder(path, "lib") || isUnder(path, "proxy") ||
    path === "main.ts";
  return inside && !isTest(path);
}
