/** Why a running proxy is not to be replaced now. */
import type { ProxyRefusal } from "../lib/ports/proxy_process.ts";

/** What a proxy has under way that nobody else could go on with. */
interface UnderWay {
  /** The state of its fence. */
  readonly fence: string;
  /** It holds clients for a planned stop. */
  readonly isResting: boolean;
  readonly isDraining: boolean;
}

/** Null: it may be replaced. */
export function reasonToStay(
  { fence, isResting, isDraining }: UnderWay,
): ProxyRefusal | null {
  const isBusy = fence !== "off" && fence !== "watching";
  const reason = isBusy
    ? `the fence of the running proxy is at work (${fence})`
    : isResting
    ? "a planned stop is under way"
    : isDraining
    ? "the running proxy is about to end"
    : null;
  return reason === null ? null : { type: "refusal", reason };
}
