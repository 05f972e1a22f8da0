/**
 * How many requests per second the REST API serves. It shares its thread with the
 * loop that renews the lease: whoever asks as fast as he can would else take that
 * loop all of its time. A request that comes too early waits; one that would have
 * to wait for long is not served at all.
 *
 * Each address has a share of its own, so that members and health checks get
 * through while another host floods; all together have one, too.
 */
import { isIPv6 } from "node:net";

/** A bucket of tokens: so many at once, so many more per second. */
interface Share {
  readonly burst: number;
  readonly perSecond: number;
}

/** Far above what health checks, monitoring and members need. */
const PER_ADDRESS: Share = { burst: 100, perSecond: 50 };
const TOGETHER: Share = { burst: 400, perSecond: 200 };
const WAIT_MS_MAX = 2_000;
/** Buckets of more addresses than that are made anew. */
const ADDRESSES_MAX = 4_096;

interface Bucket {
  tokens: number;
  readAtMs: number;
}

/** Says of each request how long it has to wait. */
export class RequestPace {
  readonly #buckets = new Map<string, Bucket>();
  readonly #together: Bucket = { tokens: TOGETHER.burst, readAtMs: 0 };

  /**
   * Milliseconds until the request may be served; null: never.
   *
   * @param address The client's, as the socket says it; absent: it has gone.
   * @param nowMs On any monotonic clock.
   */
  waitMs(address: string | undefined, nowMs: number): number | null {
    const bucket = this.#bucketOf(networkOf(address ?? ""), nowMs);
    const waits = [
      waitOf(bucket, PER_ADDRESS, nowMs),
      waitOf(this.#together, TOGETHER, nowMs),
    ];
    const waitMs = Math.max(...waits);
    if (waitMs > WAIT_MS_MAX) return null;
    bucket.tokens -= 1;
    this.#together.tokens -= 1;
    return waitMs;
  }

  #bucketOf(network: string, nowMs: number): Bucket {
    const known = this.#buckets.get(network);
    if (known !== undefined) return known;
    if (this.#buckets.size >= ADDRESSES_MAX) this.#buckets.clear();
    const bucket = { tokens: PER_ADDRESS.burst, readAtMs: nowMs };
    this.#buckets.set(network, bucket);
    return bucket;
  }
}

/** A host has a whole /64 of IPv6 addresses to itself. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head.split(":");
  const missing = tail === undefined
    ? 0
    : 8 - groups.length - tail.split(":").length;
  const whole = [...groups, ...Array(Math.max(0, missing)).fill("0")];
  return whole.slice(0, 4).map((group) => group === "" ? "0" : group).join(":");
}

/** Those who wait have taken tokens that are not there yet. */
function waitOf(bucket: Bucket, share: Share, nowMs: number): number {
  const more = (nowMs - bucket.readAtMs) / 1000 * share.perSecond;
  bucket.tokens = Math.min(share.burst, bucket.tokens + Math.max(0, more));
  bucket.readAtMs = nowMs;
  return Math.max(0, (1 - bucket.tokens) / share.perSecond * 1000);
}
