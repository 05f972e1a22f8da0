/**
 * The program that logs in (`exec` of a kubeconfig's user), as clouds have them.
 *
 * Source: Kubernetes' documentation, "Authenticating", client-go credential
 * plugins.
 */
import { resolve } from "node:path";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";

/** How the program is started, and what it is told. */
export interface KubeconfigProgram {
  /** With a slash a path, else a name that PATH has. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  /** Of the file's author, for who lacks the program; null: none. */
  readonly hint: string | null;
  /**
   * What it wants to know of the cluster, but the contents of the certificate
   * authority; null: nothing.
   */
  readonly cluster: ConfigMap | null;
}

const GROUP = "client.authentication.k8s.io";
const VERSIONS: readonly string[] = [`${GROUP}/v1`, `${GROUP}/v1beta1`];
/** The extension that is meant for such programs. */
const EXTENSION = `${GROUP}/exec`;

/**
 * Null: the user does not log in by a program.
 *
 * @param folder The kubeconfig's, which relative paths begin at.
 * @throws {Error} With one sentence, if it cannot be used.
 */
export function programOf(
  { user, cluster }: { readonly user: ConfigMap; readonly cluster: ConfigMap },
  folder: string,
): KubeconfigProgram | null {
  const exec = ownValue(user, "exec");
  if (exec === undefined || exec === null) return null;
  if (!isConfigMap(exec)) {
    throw new Error('its user has an "exec" that is no map');
  }
  const command = textAt(exec, "command");
  if (command === null) throw new Error("its login program has no command");
  const apiVersion = textAt(exec, "apiVersion") ?? "";
  if (!VERSIONS.includes(apiVersion)) {
    throw new Error(
      `its login program speaks "${apiVersion}", which is neither ` +
        VERSIONS.join(" nor "),
    );
  }
  if (ownValue(exec, "interactiveMode") === "Always") {
    throw new Error(
      `its login program "${command}" wants to talk to a person ` +
        "(interactiveMode: Always), and nobody is there",
    );
  }
  return {
    command: command.includes("/") ? resolve(folder, command) : command,
    args: wordsOf(exec),
    env: variablesOf(exec),
    apiVersion,
    hint: textAt(exec, "installHint"),
    cluster: ownValue(exec, "provideClusterInfo") === true
      ? clusterOf(cluster)
      : null,
  };
}

function wordsOf(exec: ConfigMap): readonly string[] {
  const words = ownValue(exec, "args") ?? [];
  const isList = Array.isArray(words) &&
    words.every((word): word is string => typeof word === "string");
  if (isList) return words;
  throw new Error('its login program has "args" that are no list of texts');
}

function variablesOf(exec: ConfigMap): Readonly<Record<string, string>> {
  const variables = ownValue(exec, "env") ?? [];
  if (!Array.isArray(variables)) {
    throw new Error('its login program has an "env" that is no list');
  }
  return Object.fromEntries(variables.map((item: unknown) => {
    const map = isConfigMap(item) ? item : {};
    const name = textAt(map, "name");
    const value = ownValue(map, "value") ?? "";
    if (name !== null && !/[=\0]/.test(name) && typeof value === "string") {
      return [name, value];
    }
    throw new Error(
      'its login program has an "env" with something else than {name, value}',
    );
  }));
}

function clusterOf(cluster: ConfigMap): ConfigMap {
  const names = [
    ...["server", "tls-server-name", "insecure-skip-tls-verify"],
    ...["certificate-authority-data", "proxy-url"],
  ];
  const extensions = ownValue(cluster, "extensions");
  const own = (Array.isArray(extensions) ? extensions.filter(isConfigMap) : [])
    .find((one) => textAt(one, "name") === EXTENSION);
  const config = own === undefined ? undefined : ownValue(own, "extension");
  const told = names.map((name) => [name, ownValue(cluster, name)]);
  return Object.fromEntries(
    [...told, ["config", config]].filter(([, value]) => value !== undefined),
  );
}

function textAt(map: ConfigMap, name: string): string | null {
  const value = ownValue(map, name);
  return typeof value === "string" && value !== "" ? value : null;
}
