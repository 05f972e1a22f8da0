/** What the store's content means; read again only when it has changed. */
import { decodeClusterView } from "../lib/core/codec/cluster_view_codec.ts";
import { decodeSettings } from "../lib/core/codec/settings_codec.ts";
import type { ClusterView } from "../lib/core/model/cluster_view.ts";
import type { ClusterSettings } from "../lib/core/model/settings.ts";
import type { DcsSnapshot } from "../lib/ports/dcs.ts";

/** The dynamic configuration as stored; null: there is none. */
type Document = Readonly<Record<string, unknown>> | null;

/** Remembers the last answer of each kind by the object that it was made of. */
export class StoreReader {
  #view: { readonly of: DcsSnapshot; readonly view: ClusterView } | null = null;
  #settings: { readonly of: Document; readonly settings: ClusterSettings } = {
    of: null,
    settings: decodeSettings(null),
  };

  view(snapshot: DcsSnapshot): ClusterView {
    if (this.#view?.of !== snapshot) {
      this.#view = { of: snapshot, view: decodeClusterView(snapshot) };
    }
    return this.#view.view;
  }

  settings({ config }: ClusterView): ClusterSettings {
    const document = config?.document ?? null;
    if (this.#settings.of !== document) {
      this.#settings = { of: document, settings: decodeSettings(document) };
    }
    return this.#settings.settings;
  }
}
