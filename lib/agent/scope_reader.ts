/** The scope's keys as the agent reads them: the Dcs port plus the codec. */
import { decodeClusterView } from "../core/codec/cluster_view_codec.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Dcs, DcsLimits, DcsSnapshot } from "../ports/dcs.ts";

/** Reads the keys of one scope. Throws what the Dcs port throws. */
export class ScopeReader {
  readonly #dcs: Pick<Dcs, "read" | "readFresh">;
  /** Most reads show what the one before them showed. */
  #last:
    | { readonly snapshot: DcsSnapshot; readonly view: ClusterView }
    | null = null;

  constructor(dcs: Pick<Dcs, "read" | "readFresh">) {
    this.#dcs = dcs;
  }

  /** The view, from the cache of a live watch where the store has one. */
  async view(limits: DcsLimits): Promise<ClusterView> {
    return this.#decoded(await this.#dcs.read(limits));
  }

  /** The view, asked for now. */
  async freshView(limits: DcsLimits): Promise<ClusterView> {
    return this.#decoded(await this.#dcs.readFresh(limits));
  }

  #decoded(snapshot: DcsSnapshot): ClusterView {
    if (this.#last?.snapshot !== snapshot) {
      this.#last = { snapshot, view: decodeClusterView(snapshot) };
    }
    return this.#last.view;
  }
}
