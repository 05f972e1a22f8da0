/** The validator's questions, asked of this host. */
import { execFile } from "node:child_process";
import { access, constants, readdir, readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import type { ValidationWorld } from "./world.ts";

const CONNECT_TIMEOUT_MS = 3_000;
const PROGRAM_TIMEOUT_MS = 5_000;

/** @param searchPath The variable PATH. */
export function hostWorld(searchPath: string): ValidationWorld {
  const pathOf = async (
    directory: string,
    name: string,
  ): Promise<string | null> => {
    const folders = directory === "" ? searchPath.split(":") : [directory];
    for (const folder of folders) {
      const path = `${folder}/${name}`;
      if (folder !== "" && await isExecutable(path)) return path;
    }
    return null;
  };
  return {
    canConnect,
    kind,
    list: (directory) => readdir(directory).catch(() => []),
    read: (file) => readFile(file, "utf8").catch(() => null),
    hasProgram: async (directory, name) =>
      await pathOf(directory, name) !== null,
    versionText: async (directory, program) => {
      const path = await pathOf(directory, program);
      return path === null ? null : await outputOf(path);
    },
  };
}

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}

async function kind(
  path: string,
): Promise<"file" | "directory" | "other" | "missing"> {
  try {
    const found = await stat(path);
    if (found.isFile()) return "file";
    return found.isDirectory() ? "directory" : "other";
  } catch {
    return "missing";
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function outputOf(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { timeout: PROGRAM_TIMEOUT_MS, encoding: "utf8" } as const;
    execFile(path, ["--version"], options, (error, stdout) => {
      resolve(error === null ? stdout : null);
    });
  });
}
