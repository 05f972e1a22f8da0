/**
 * The daemon's tools for configurations, connected with this host: validation
 * and the two generators.
 *
 * Source: docs/contract/configuration.md 7 and 9.
 */
import { lookup } from "node:dns/promises";
import { readFile, readlink } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { queryOnce } from "../adapters/postgres/session/query_client.ts";
import { writePrivate } from "../cli/private_file.ts";
import { ProcessTerminal } from "../cli/terminal.ts";
import { loadDocument } from "../config/load.ts";
import {
  readEnvironment,
  wholeConfigurationText,
  withCredentials,
} from "../config/env.ts";
import { GeneratorError } from "../config/generate/errors.ts";
import { readServer } from "../config/generate/server.ts";
import { runningConfiguration } from "../config/generate/running.ts";
import {
  FIX_ME,
  type HostFacts,
  majorVersion,
  sampleConfiguration,
  sectionAt,
  template,
} from "../config/generate/template.ts";
import { configurationYaml, sortedYaml } from "../config/generate/yaml_out.ts";
import { ConfigError } from "../config/problems.ts";
import { hostWorld } from "../config/validate/host_world.ts";
import {
  validationLines,
  validationWarnings,
} from "../config/validate/validate.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import type { DaemonArguments } from "./daemon_arguments.ts";
import { DISK_READER } from "./load.ts";

const EXIT_DONE = 0;
const EXIT_REFUSED = 1;

/** `--validate-config`: says everything that is wrong or odd; exit code 0 or 1. */
export async function validate(
  { path, isPortIgnored, isPrinted }: DaemonArguments,
): Promise<number> {
  const env = Deno.env.toObject();
  const loaded = await loadDocument({ path, env, reader: DISK_READER });
  const { document } = loaded;
  const notes = [...loaded.warnings, ...validationWarnings(document)];
  for (const { text } of notes) console.error(`WARNING: ${text}`);
  const world = hostWorld(env["PATH"] ?? "");
  const lines = await validationLines(document, { world, isPortIgnored });
  for (const line of lines) console.error(line);
  if (lines.length > 0) return EXIT_REFUSED;
  if (isPrinted) {
    const postgresql = sectionAt(document, "postgresql");
    const complete = { bin_dir: "", ...postgresql };
    console.log(sortedYaml({ ...document, postgresql: complete }).trimEnd());
  }
  return EXIT_DONE;
}

/** `--generate-sample-config`. */
export async function generateSample(path: string | null): Promise<number> {
  return await generated(path, async () => {
    const base = template(await hostFacts(), environmentDocument());
    const postgresql = sectionAt(base, "postgresql");
    const directory = String(ownValue(postgresql, "bin_dir") ?? "");
    const program = ownValue(sectionAt(postgresql, "bin_name"), "postgres");
    const world = hostWorld(Deno.env.get("PATH") ?? "");
    const text = await world.versionText(
      directory,
      typeof program === "string" ? program : "postgres",
    );
    const version = text === null ? null : majorVersion(text);
    if (version === null) {
      throw new GeneratorError(
        "Failed to get postgres version: the program postgres was not found " +
          "in postgresql.bin_dir or PATH",
      );
    }
    return sampleConfiguration(base, version);
  });
}

/** `--generate-config`. */
export async function generateRunning(
  path: string | null,
  dsn: string | null,
): Promise<number> {
  return await generated(path, async () => {
    const facts = await hostFacts();
    const environment = Deno.env.toObject();
    const base = template(facts, environmentDocument());
    const server = await readServer({
      dsn,
      environment,
      osUser: userInfo().username,
      hostAddress: facts.address ?? FIX_ME,
      // The operator points it at a server of theirs, with whatever login it has.
      query: (target, text) =>
        queryOnce({ ...target, isAnyPasswordAnswered: true }, text),
      readFile: (file) => readFile(file, "utf8").catch(() => null),
      readLink: (file) => readlink(file).catch(() => null),
      askPassword: async () => {
        const terminal = new ProcessTerminal();
        terminal.writeError("Please enter the user password:");
        return await terminal.readSecret() ?? "";
      },
    });
    return runningConfiguration(base, server);
  });
}

async function generated(
  path: string | null,
  make: () => Promise<ConfigMap>,
): Promise<number> {
  try {
    const text = configurationYaml(await make());
    if (path === null || path === "") {
      Deno.stdout.writeSync(new TextEncoder().encode(text));
      return EXIT_DONE;
    }
    await writePrivate(path, text);
    return EXIT_DONE;
  } catch (error) {
    const isTold = error instanceof GeneratorError ||
      error instanceof ConfigError;
    const message = error instanceof Error ? error.message : String(error);
    console.error(isTold ? message : `Unexpected exception: ${message}`);
    return EXIT_REFUSED;
  }
}

async function hostFacts(): Promise<HostFacts> {
  const hostName = hostname();
  try {
    const addresses = await lookup(hostName, { all: true });
    const first = addresses.find(({ family }) => family === 4) ?? addresses[0];
    return { hostName, address: first?.address ?? null };
  } catch {
    console.error(`WARNING: the host name ${hostName} has no address`);
    return { hostName, address: null };
  }
}

function environmentDocument(): ConfigMap {
  const env = Deno.env.toObject();
  const whole = wholeConfigurationText(env);
  if (whole !== null) {
    const value = parseYaml11(whole);
    return isConfigMap(value) ? value : {};
  }
  const { document, credentials } = readEnvironment(env);
  return withCredentials(document, credentials);
}
