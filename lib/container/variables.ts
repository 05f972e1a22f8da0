/** Who a container is, by the few variables that it is given. */
import { configErrorOf, type ConfigProblem } from "../config/problems.ts";
import { isPlainName } from "../setup/blueprint.ts";

/** Who it is. */
export interface ContainerIdentity {
  /** The scope. */
  readonly cluster: string;
  /** Also the name by which the others reach it. */
  readonly name: string;
  /** Those that found the cluster together, sorted; this one need not be among them. */
  readonly founders: readonly string[];
  /** Folder of its own data. */
  readonly volume: string;
  /** Folder that all containers of the cluster have in common. */
  readonly secrets: string;
}

const CLUSTER = "main";
const VOLUME = "/var/lib/matriarch";
const SECRETS = "/secrets";
const NAME_WANTED = "a name of at most 63 letters, digits, dots, _ and -";

/**
 * The identity.
 *
 * @param hostname The container's, which is its name unless one is given.
 * @throws {ConfigError} With every problem at once.
 */
export function readIdentity(
  env: Readonly<Record<string, string>>,
  hostname: string,
): ContainerIdentity {
  const given = (name: string) => {
    const text = env[`MATRIARCH_${name}`]?.trim() ?? "";
    return text === "" ? null : text;
  };
  const cluster = given("CLUSTER") ?? CLUSTER;
  const name = given("NAME") ?? hostname;
  const volume = given("VOLUME") ?? VOLUME;
  const secrets = given("SECRETS") ?? SECRETS;
  const peers = given("PEERS");
  const founders = (peers ?? "").split(/[\s,]+/).filter((each) => each !== "");
  const problems: ConfigProblem[] = [
    ...wanted("CLUSTER", cluster, isPlainName(cluster), NAME_WANTED),
    ...wanted("NAME", name, isPlainName(name), NAME_WANTED),
    ...wanted("VOLUME", volume, isAbsolute(volume), "an absolute path"),
    ...wanted("SECRETS", secrets, isAbsolute(secrets), "an absolute path"),
    ...(peers === null
      ? wanted(
        "PEERS",
        undefined,
        false,
        "the names of the containers that found the cluster, with commas",
      )
      : wanted(
        "PEERS",
        peers,
        founders.length > 0 && founders.every(isPlainName),
        "names of containers, with commas between them",
      )),
  ];
  if (problems.length > 0) throw configErrorOf(problems);
  return {
    ...{ cluster, name, volume, secrets },
    founders: [...new Set(founders)].sort(),
  };
}

function wanted(
  ...[name, value, isRight, what]: readonly [
    string,
    string | undefined,
    boolean,
    string,
  ]
): readonly ConfigProblem[] {
  return isRight ? [] : [{ path: `MATRIARCH_${name}`, value, wanted: what }];
}

function isAbsolute(path: string): boolean {
  return path.startsWith("/") && path.length > 1;
}
