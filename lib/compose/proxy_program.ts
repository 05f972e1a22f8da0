/** What `matriarch proxy` is started with. */
import type { DcsTarget } from "../cli/context.ts";
import type { Dcs } from "../ports/dcs.ts";

/** What the main file knows. */
export interface ProxyProgram {
  /** File or directory; null: the environment is the configuration. */
  readonly configPath: string | null;
  readonly version: string;
  readonly openDcs: (target: DcsTarget) => Promise<Dcs>;
}
