/** Connects `init`, `join` and their like with this host. */
import { CallClock } from "../adapters/os/clock.ts";
import { CertificatesX509 } from "../adapters/pki/certificates_x509.ts";
import { askDesk } from "../adapters/setup/desk_client.ts";
import { ThisHost } from "../adapters/setup/setup_host.ts";
import { Wanted } from "../config/fields.ts";
import { ConfigError } from "../config/problems.ts";
import { readStore } from "../config/stores/all.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { StoreSection } from "../setup/blueprint.ts";
import type { ScopePlace, SetupWorld } from "../setup/setup_world.ts";
import { openDcs } from "./dcs.ts";
import { hasEtcdPrograms } from "./etcd_programs.ts";
import { selfCommand } from "./self_command.ts";

/** Where the program is put by its manual; a checkout is no program. */
const USUAL_PROGRAM = "/usr/local/bin/matriarch";

/** This host, its certificates and its store. */
export function setupWorld(): SetupWorld {
  const { command, args } = selfCommand();
  return {
    host: new ThisHost(),
    certificates: new CertificatesX509(),
    program: args.length === 0 ? command : USUAL_PROGRAM,
    openStore,
    hasEtcd: hasEtcdPrograms,
    askDesk,
  };
}

/** Makes a file that the store lives in. */
async function openStore(
  { name, section }: StoreSection,
  { scope, namespace }: ScopePlace,
): Promise<Dcs> {
  const config = readStore({ [name]: section });
  if (config instanceof Wanted) {
    throw new ConfigError(`The section ${name} cannot be used`);
  }
  return await openDcs(
    { config, scope, namespace: namespace ?? "service", group: null },
    { clock: new CallClock() },
  );
}
