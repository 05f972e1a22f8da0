/**
 * `--validate-config`: everything that is wrong with a local configuration, as
 * lines for stderr. Patroni's checks come first, in its words; then whatever the
 * agent itself would refuse at start, so that a valid configuration does start.
 */
import type { ConfigMap } from "../../core/calc/documents/config_merge.ts";
import { modernLayout } from "../legacy.ts";
import { ConfigError, type ConfigWarning } from "../problems.ts";
import { decodeLocalConfig } from "../schema.ts";
import { configWarnings } from "../warnings.ts";
import { failed, line } from "./checks.ts";
import { localConfiguration } from "./schema.ts";
import type { ValidationWorld } from "./world.ts";

/** How to validate. */
export interface ValidationOptions {
  readonly world: ValidationWorld;
  /** `-i`: listen ports may be in use. */
  readonly isPortIgnored: boolean;
}

/** The lines; none if the configuration is valid. */
export async function validationLines(
  document: ConfigMap,
  { world, isPortIgnored }: ValidationOptions,
): Promise<readonly string[]> {
  const place = { path: "", world, document, isPortIgnored };
  const lines = await localConfiguration(document, place);
  const said = new Set(lines.map((each) => each.split(" ", 1)[0]));
  return [...lines, ...startLines(document, said)];
}

/**
 * What the agent would warn of at start. A document with problems gets those
 * warnings too that can be given without decoding it: a misspelt key is often
 * the reason for a missing one.
 */
export function validationWarnings(
  document: ConfigMap,
): readonly ConfigWarning[] {
  try {
    return decodeLocalConfig(document).warnings;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return configWarnings(modernLayout(document));
  }
}

/** What would stop the agent, about keys that nothing was said of. */
function startLines(
  document: ConfigMap,
  said: ReadonlySet<string | undefined>,
): readonly string[] {
  try {
    decodeLocalConfig(document);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const isSaid = (path: string): boolean =>
      [...said].some((each) =>
        each !== undefined &&
        (each === path || each.startsWith(`${path}.`) ||
          path.startsWith(`${each}.`) || path.split(" ").includes(each))
      );
    return error.problems.filter(({ path }) => !isSaid(path))
      .map(({ path, value, wanted }) =>
        line(path, value ?? "", failed(`wanted ${wanted}`))
      );
  }
}
