/**
 * Copies a replica: pg_basebackup, or the programs that the user configured, in
 * their order, until one succeeds. What fails leaves nothing behind.
 *
 * Source: docs/contract/ha.md 17.2, docs/contract/configuration.md 3.11.4.
 */
import { CancelledError, PostgresError } from "../../../ports/errors.ts";
import type { PostgresPeer } from "../../../ports/postgres.ts";
import type { DataDirectory } from "../directory/data_directory.ts";
import { type LibpqAccess, libpqAccess } from "../session/libpq_access.ts";
import type { CloneMethod, PostgresContext } from "../options.ts";
import type { ConfigFiles } from "../settings/config_files.ts";
import type { WantedSettings } from "../settings/wanted_settings.ts";
import { foldersOfCopy } from "./planned_folders.ts";
import {
  customCommand,
  isAboutSlot,
  isCompressionRefused,
} from "../process/program_options.ts";
import {
  lastLines,
  type ProgramCall,
  programPath,
  run,
} from "../process/programs.ts";
import { binaryMajor } from "../process/version.ts";

/** One copy to be made. */
export interface CloneCall {
  readonly source: PostgresPeer | null;
  readonly slotName: string | null;
  readonly signal: AbortSignal;
  /** All that are configured, or only the built-in one. */
  readonly kinds: "all" | "basebackup";
  /** Data that is there: somebody's whom nobody asked, or given away. */
  readonly existing: "refused" | "replaced";
}

/** What of the instance a copy uses. */
export interface CloneTools {
  readonly directory: DataDirectory;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
}

const ATTEMPTS_MAX = 2;
const ATTEMPT_PAUSE_MS = 5_000;

/**
 * Fills the data directory with a copy.
 *
 * @throws {PostgresError} If every method failed; the directory is empty then.
 * @throws {CancelledError} If the signal was aborted; likewise.
 */
export async function cloneReplica(
  context: PostgresContext,
  { directory, files, wanted }: CloneTools,
  call: CloneCall,
): Promise<void> {
  directory.filling.forget();
  const { cloneMethods } = await wanted.config();
  const remoteMethods = call.source?.remote === undefined
    ? null
    : wanted.standbyCluster()?.createReplicaMethods ?? [];
  const named = remoteMethods !== null
    ? namedMethods(cloneMethods, remoteMethods)
    : call.kinds === "all"
    ? cloneMethods
    : basebackupOnly(cloneMethods);
  const methods = named.filter((method) =>
    call.source !== null || (method.kind === "custom" && method.hasNoLeader)
  );
  const problems: string[] = [];
  const clone = new Clone(context, directory, call);
  for (const method of methods) {
    const problem = await clone.tryMethod(method);
    if (problem === null) {
      await directory.restrict();
      await files.adoptCopy();
      return await directory.filling.done();
    }
    problems.push(problem);
    context.log.warning(`Cannot create the replica: ${problem}`);
  }
  // What a method with keep_data left is of no use to anybody now.
  await clone.empty();
  throw new PostgresError(
    `Cannot create the replica: ${problems.join("; ") || "no usable method"}`,
  );
}

/** The methods of a standby cluster, by which its leader copies the remote. */
function namedMethods(
  methods: readonly CloneMethod[],
  names: readonly string[],
): readonly CloneMethod[] {
  return names.flatMap((name) =>
    name === "basebackup"
      ? basebackupOnly(methods)
      : methods.filter((method) =>
        method.kind === "custom" && method.name === name
      )
  );
}

/** The configured pg_basebackup, or one without options if it is not among the methods. */
function basebackupOnly(
  methods: readonly CloneMethod[],
): readonly CloneMethod[] {
  const configured = methods.filter(({ kind }) => kind === "basebackup");
  return configured.length > 0
    ? configured
    : [{ kind: "basebackup", options: [] }];
}

/** One copy; its methods are tried one after the other. */
class Clone {
  readonly #context: PostgresContext;
  readonly #directory: DataDirectory;
  readonly #call: CloneCall;

  constructor(
    context: PostgresContext,
    directory: DataDirectory,
    call: CloneCall,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#call = call;
  }

  /** Null if it succeeded, else why not. */
  async tryMethod(method: CloneMethod): Promise<string | null> {
    const isKept = method.kind === "custom" && method.isDataKept;
    try {
      if (!isKept) await this.empty();
      const problem = method.kind === "custom"
        ? await this.#custom(method)
        : await this.#basebackup(method.options);
      if (problem !== null && !isKept) await this.empty();
      return problem;
    } catch (error) {
      if (!isKept) await this.empty();
      if (error instanceof CancelledError) throw error;
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Removes what this copy wrote, and what was there only if that was given away. */
  async empty(): Promise<void> {
    await this.#directory.filling.discard();
    if (this.#call.existing === "replaced") await this.#directory.clear();
  }

  async #basebackup(own: readonly string[]): Promise<string | null> {
    let { slotName } = this.#call;
    let problem: string | null = null;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      problem = await this.#basebackupOnce(own, slotName);
      // Without its slot the copy still works: WAL may only be gone later.
      if (slotName !== null && isAboutSlot(problem ?? "", slotName)) {
        slotName = null;
        problem = await this.#basebackupOnce(own, slotName);
      }
      if (problem === null || attempt === ATTEMPTS_MAX) break;
      await this.#context.clock.sleep(ATTEMPT_PAUSE_MS, this.#call.signal);
      if (this.#call.signal.aborted) {
        throw new CancelledError("Clone was cancelled");
      }
    }
    return problem;
  }

  async #basebackupOnce(
    options: readonly string[],
    slotName: string | null,
  ): Promise<string | null> {
    const { log } = this.#context;
    const major = await binaryMajor(this.#context);
    await this.empty();
    const own = options.filter((option) => {
      const isRefused = isCompressionRefused(option, major);
      if (isRefused) {
        log.error(`pg_basebackup option ${option} is skipped`);
      }
      return !isRefused;
    });
    await this.#begin({ args: own, isOwnProgram: true, isKept: false });
    const { conninfo, env } = await this.#access();
    return await this.#run({
      command: programPath(this.#context, "pg_basebackup"),
      output: "parsed",
      args: [
        `--pgdata=${this.#context.options.dataDir}`,
        "-X",
        "stream",
        `--dbname=${conninfo}`,
        ...(slotName === null ? [] : [`--slot=${slotName}`]),
        ...own,
      ],
      env,
    });
  }

  async #custom(
    method: Extract<CloneMethod, { kind: "custom" }>,
  ): Promise<string | null> {
    const { scope, dataDir } = this.#context.options;
    const isKept = method.isDataKept;
    await this.#begin({ args: [], isOwnProgram: false, isKept });
    const { conninfo, env } = await this.#access();
    const call = customCommand(method, {
      before: [],
      after: [
        `--scope=${scope}`,
        "--role=replica",
        `--datadir=${dataDir}`,
        `--connstring=${conninfo}`,
      ],
    });
    return await this.#run({ ...call, env });
  }

  async #begin(
    { args, isOwnProgram, isKept }: {
      readonly args: readonly string[];
      readonly isOwnProgram: boolean;
      readonly isKept: boolean;
    },
  ): Promise<void> {
    const { filling } = this.#directory;
    const { source, existing } = this.#call;
    // Methods that keep data find what the one before them left.
    const isOwn = existing === "replaced" || filling.isUnderWay;
    await filling.begin({
      what: "clone",
      isOwnProgram,
      folders: await foldersOfCopy(this.#context, source, args),
      existing: isKept && isOwn ? "kept" : "refused",
    });
  }

  /** Empty without source. */
  async #access(): Promise<LibpqAccess> {
    const { source } = this.#call;
    if (source === null) {
      const { pgpass } = this.#context.options;
      return { conninfo: "", env: { PGPASSFILE: pgpass } };
    }
    return await libpqAccess(this.#context, "replication", { address: source });
  }

  async #run(
    call: Pick<ProgramCall, "command" | "args" | "env" | "output">,
  ): Promise<string | null> {
    const { code, stderr } = await run({
      ...call,
      env: { ...call.env, ...this.#directory.filling.env },
      signal: this.#call.signal,
      onStart: (pid) => this.#directory.filling.started(pid),
    });
    if (code === 0) return null;
    return `${call.command} exited with ${code}: ${lastLines(stderr)}`;
  }
}
