/**
 * `matriarch container`: makes the configuration of a container of its variables,
 * sees to it that it founds or joins etcd, runs the agent, and ends etcd with it.
 */
import { CertificatesX509 } from "../adapters/pki/certificates_x509.ts";
import {
  GreetingNeighbours,
  serveGreetings,
} from "../adapters/container/greetings.ts";
import { secretsIn } from "../adapters/container/secrets_folder.ts";
import { holdVolume } from "../adapters/container/volume_lock.ts";
import { SystemClock } from "../adapters/os/clock.ts";
import { listenToSignals } from "../adapters/os/signals.ts";
import { HostFiles } from "../adapters/setup/files.ts";
import { ThisHost } from "../adapters/setup/setup_host.ts";
import { loadConfig } from "../config/load.ts";
import type { LocalConfig } from "../config/local_config.ts";
import { ConfigError } from "../config/problems.ts";
import { containerConfig } from "../container/config_text.ts";
import { ContainerKeeper } from "../container/keeper.ts";
import { GREETING_PORT, pathsInVolume } from "../container/paths.ts";
import {
  type ContainerIdentity,
  readIdentity,
} from "../container/variables.ts";
import type { CertifiedKey } from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";
import type { ContainerSecrets } from "../ports/container.ts";
import type { Log } from "../ports/log.ts";
import { certificateFile } from "../setup/layout.ts";
import { AUTHORITY_MS } from "../setup/lifetimes.ts";
import { runAgent } from "./agent.ts";
import { DISK_READER } from "./load.ts";
import { createLog } from "./log.ts";
import { type EtcdMemberParts, etcdMemberParts } from "./managed_etcd.ts";

const PASSWORD_BYTES = 24;
const SECRET = 0o600;
const PUBLIC = 0o644;
const EXIT_DONE = 0;

/**
 * Runs until a signal or a decision of the agent ends it.
 *
 * @returns The exit code, the agent's.
 * @throws {ConfigError} Before anything was touched, if a variable is wrong.
 * @throws {VolumeTakenError}, {SecretsError} With one sentence each.
 */
export async function runContainer(): Promise<number> {
  const env = Deno.env.toObject();
  const identity = readIdentity(env, Deno.hostname());
  const paths = pathsInVolume(identity.volume);
  using _held = await holdVolume(paths.lock);
  const tls = await writeFiles(identity);
  const loaded = await loadConfig({
    ...{ path: paths.config, env, reader: DISK_READER },
  });
  const log = createLog(loaded.config);
  const clock = new SystemClock();
  const store = storeParts(loaded.config, clock);
  const keeper = keeperOf({ identity, store, clock, log, tls });
  const greeting = () => keeper.greeting();
  await using _served = await serveGreetings(greeting, {
    ...{ port: GREETING_PORT, tls },
  });
  if (await readyOrEnded(keeper, log) === "ended") return EXIT_DONE;
  const ending = new AbortController();
  const watching = keeper.run(ending.signal);
  try {
    return await runAgent(paths.config);
  } finally {
    ending.abort();
    await watching;
    await keeper.leave();
    await store.process.stop();
  }
}

interface KeeperDeps {
  readonly identity: ContainerIdentity;
  readonly store: EtcdMemberParts;
  readonly clock: Clock;
  readonly log: Log;
  readonly tls: { readonly ca: string; readonly cert: string };
}

function keeperOf(
  { identity, store, clock, log, tls }: KeeperDeps,
): ContainerKeeper {
  const { admin, folder } = store;
  const neighbours = new GreetingNeighbours({ port: GREETING_PORT, tls });
  return new ContainerKeeper({
    ...{ identity, admin, folder, neighbours, clock, log },
  });
}

/** A container that is told to stop while it waits for others just ends. */
async function readyOrEnded(
  keeper: ContainerKeeper,
  log: Log,
): Promise<"ready" | "ended"> {
  const ending = new AbortController();
  const stopListening = listenToSignals(["SIGTERM", "SIGINT"], {
    onSignal: () => {
      ending.abort();
      return Promise.resolve();
    },
    onError: (error) => log.error(String(error)),
  });
  try {
    await keeper.untilReady(ending.signal);
    return ending.signal.aborted ? "ended" : "ready";
  } finally {
    stopListening();
  }
}

function storeParts({ dcs }: LocalConfig, clock: Clock): EtcdMemberParts {
  if (dcs.kind === "etcd3" && dcs.managed !== null) {
    return etcdMemberParts({ ...dcs, managed: dcs.managed }, clock);
  }
  throw new ConfigError(
    "A container runs a member of etcd itself: take the variables away that " +
      "name another store",
  );
}

/** The certificate is made anew at each start: it is as good as its authority for as long. */
async function writeFiles(
  identity: ContainerIdentity,
): Promise<{ readonly ca: string; readonly cert: string }> {
  const { config, cert, trust } = pathsInVolume(identity.volume);
  const files = new HostFiles();
  const secrets = await secretsIn(
    identity.secrets,
    () => newSecrets(identity.cluster),
  );
  const own = await newCertificate(identity.name, secrets);
  const text = certificateFile({ ...own, authority: secrets.caCert });
  const configuration = containerConfig(identity, secrets);
  for (
    const [path, mode, content] of [
      [trust, PUBLIC, secrets.caCert],
      [cert, SECRET, text],
      [config, SECRET, configuration],
    ] as const
  ) await files.write({ path, mode, owner: null, text: content });
  return { ca: secrets.caCert, cert: text };
}

async function newSecrets(cluster: string): Promise<ContainerSecrets> {
  const host = new ThisHost();
  const authority = await new CertificatesX509().makeAuthority(cluster, {
    ...{ nowMs: host.wallTimeMs(), lifetimeMs: AUTHORITY_MS },
  });
  return {
    superuserPassword: host.randomText(PASSWORD_BYTES),
    replicationPassword: host.randomText(PASSWORD_BYTES),
    restPassword: host.randomText(PASSWORD_BYTES),
    ...{ caCert: authority.cert, caKey: authority.key },
  };
}

async function newCertificate(
  name: string,
  { caCert, caKey }: ContainerSecrets,
): Promise<CertifiedKey> {
  const certificates = new CertificatesX509();
  const named = { name, hosts: [name, "localhost", "127.0.0.1"] };
  const { request, key } = await certificates.makeRequest(named);
  const cert = await certificates.sign(request, named, {
    authority: { cert: caCert, key: caKey },
    validity: { nowMs: Date.now(), lifetimeMs: AUTHORITY_MS },
  });
  return { cert, key };
}
