/**
 * The files of a host that is set up, as data: what `--dry-run` prints and what
 * is written are the same value.
 */
import type { FileOwner, SetupFile } from "../ports/setup.ts";
import type { CertifiedKey } from "../ports/certificates.ts";
import type {
  Blueprint,
  CommonPart,
  HostPlan,
  WitnessPlan,
} from "./blueprint.ts";
import { configText } from "./config_text.ts";
import { certificateFile, pathsIn } from "./layout.ts";
import { isOwnStore, storeOrderFile } from "./own_store.ts";
import { unitText, witnessUnitText } from "./unit.ts";
import { witnessConfigText } from "./witness_config_text.ts";

/** What the files of any host are made of. */
interface CommonParts {
  /** Whom the files belong to; null: who runs this. */
  readonly owner: FileOwner | null;
  /** Absolute path of this program. */
  readonly program: string;
  /** The host's own. */
  readonly certified: CertifiedKey;
  /** Trusted authorities, the signing one last; PEM. */
  readonly trusted: readonly string[];
}

/** What the files of a member are made of. */
export interface PlanParts extends CommonParts {
  readonly blueprint: Blueprint;
  readonly host: HostPlan;
  /** Key of the authority; null: another host has it. */
  readonly authorityKey: string | null;
}

/** What the files of a witness are made of. */
export interface WitnessParts extends CommonParts {
  readonly common: CommonPart;
  readonly host: WitnessPlan;
}

const SECRET = 0o600;
const PUBLIC = 0o644;

/** All files, in the order in which they are written: the configuration comes last but one. */
export function plannedFiles(parts: PlanParts): readonly SetupFile[] {
  const { blueprint, host, owner, trusted } = parts;
  const paths = pathsIn(host.places.configDir);
  const authority = trusted.at(-1) ?? "";
  const files = certificateFiles(parts, host);
  if (parts.authorityKey !== null) {
    files.push(
      { path: paths.authority, mode: PUBLIC, owner, text: authority },
      {
        path: paths.authorityKey,
        mode: SECRET,
        owner,
        text: parts.authorityKey,
      },
    );
  }
  if (isOwnStore(blueprint.store)) {
    files.push(storeOrderFile(blueprint.store, host, owner));
  }
  const text = configText(blueprint, host);
  return [
    ...files,
    { path: paths.config, mode: SECRET, owner, text },
    ...unitFiles(parts, host, unitText),
  ];
}

/** The same of a witness. */
export function witnessFiles(parts: WitnessParts): readonly SetupFile[] {
  const { common, host, owner } = parts;
  const paths = pathsIn(host.places.configDir);
  const text = witnessConfigText(common, host);
  return [
    ...certificateFiles(parts, host),
    storeOrderFile(common.store, host, owner),
    { path: paths.config, mode: SECRET, owner, text },
    ...unitFiles(parts, host, witnessUnitText),
  ];
}

function certificateFiles(
  { owner, certified, trusted }: CommonParts,
  { places }: WitnessPlan,
): SetupFile[] {
  const paths = pathsIn(places.configDir);
  const authority = trusted.at(-1) ?? "";
  return [
    { path: paths.trust, mode: PUBLIC, owner, text: trusted.join("") },
    {
      path: paths.cert,
      mode: SECRET,
      owner,
      text: certificateFile({ ...certified, authority }),
    },
  ];
}

function unitFiles(
  { program }: CommonParts,
  { places: { configDir, unitPath }, user }: WitnessPlan,
  textOf: typeof unitText,
): readonly SetupFile[] {
  if (unitPath === null) return [];
  const text = textOf({ program, configPath: pathsIn(configDir).config, user });
  return [{ path: unitPath, mode: PUBLIC, owner: null, text }];
}

/** Keys and passwords are not for a screen: their files show as their names alone. */
export function shownFiles(files: readonly SetupFile[]): string {
  return files.map(({ path, mode, text }) => {
    const title = `--- ${path} (mode ${mode?.toString(8) ?? "as before"})`;
    const isKey = text.includes("PRIVATE KEY");
    const body = isKey ? "(a key; it is made and not shown)\n" : hidden(text);
    return `${title}\n${body}`;
  }).join("\n");
}

/** Each password of a configuration file that this program wrote. */
function hidden(text: string): string {
  return text.replace(/^( *password: )"[^"\n]*"$/gm, '$1"***"');
}
