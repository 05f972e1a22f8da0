/**
 * What a lab needs of the machine. The program itself never installs anything;
 * scripts/lab does, as root, before it starts the program.
 */
import { findPostgresBinDir } from "./programs.ts";
import type { LabStore } from "./stores/store.ts";

/** A package is missing. One sentence that names it. */
export class MissingPackageError extends Error {
  override readonly name: string = "MissingPackageError";
}

/**
 * Makes sure that PostgreSQL and the store's programs are there.
 *
 * @returns The folder of PostgreSQL's programs.
 * @throws {MissingPackageError} With the names of Debian's packages, or advice.
 */
export function requirePrograms({ needs }: LabStore): string {
  const binDir = findPostgresBinDir();
  const lacks = needs.filter(({ isThere }) => !isThere());
  const packages = [
    ...(binDir === null ? ["postgresql"] : []),
    ...lacks.flatMap((need) => "package" in need ? [need.package] : []),
  ];
  const advice = lacks.flatMap((need) => "advice" in need ? [need.advice] : []);
  if (binDir !== null && lacks.length === 0) return binDir;
  const list = packages.join(" ");
  const steps = [
    ...(packages.length === 0 ? [] : [
      `install ${list} first (on Debian, as root: apt-get install ${list})`,
    ]),
    ...advice,
  ];
  throw new MissingPackageError(`Cannot start the lab: ${steps.join("; ")}.`);
}
