/** The dynamic document as it was last, beside the data: for an agent that starts without the store. */
import { join } from "node:path";
import { encodeJson, parseJsonObject } from "../../../core/codec/json.ts";
import { readTextOrNull, writeIfDifferent } from "../directory/files.ts";
import type { PostgresContext } from "../options.ts";

interface DataPlace {
  readonly options: Pick<PostgresContext["options"], "dataDir">;
}

const DYNAMIC_FILE = "patroni.dynamic.json";

/** The dynamic document that was saved last; null if there is none. */
export async function loadDynamicDocument(
  context: DataPlace,
): Promise<Readonly<Record<string, unknown>> | null> {
  const path = join(context.options.dataDir, DYNAMIC_FILE);
  const text = await readTextOrNull(path).catch(() => null);
  return text === null ? null : parseJsonObject(text);
}

/** Saves the dynamic document, mode 0600. */
export async function saveDynamicDocument(
  context: DataPlace,
  document: Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = join(context.options.dataDir, DYNAMIC_FILE);
  await writeIfDifferent(path, encodeJson(document));
}
