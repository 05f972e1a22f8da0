/**
 * How many connections per second the REST API takes, one request each. It shares its thread with
 * the loop that renews the lease: whoever connects as fast as he can would else
 * take that loop all of its time.
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
/** Buckets of more addresses than that are made anew. */
const ADDRESSES_MAX = 4_096;

interface Bucket {
  tokens: number;
  readAtMs: number;
}

/** Says of each new connection whether it may stay. */
export class ConnectionPace {
  readonly #buckets = new Map<string, Bucket>();
  readonly #together: Bucket = { tokens: TOGETHER.burst, readAtMs: 0 };

  /**
   * @param address The client's, as the socket says it; absent: it has gone.
   * @param nowMs On any monotonic clock.
   */
  admits(address: string | undefined, nowMs: number): boolean {
    const bucket = this.#bucketOf(networkOf(address ?? ""), nowMs);
    refill(bucket, PER_ADDRESS, nowMs);
    refill(this.#together, TOGETHER, nowMs);
    if (bucket.tokens < 1 || this.#together.tokens < 1) return false;
    bucket.tokens -= 1;
    this.#together.tokens -= 1;
    return true;
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

function refill(bucket: Bucket, share: Share, nowMs: number): void {
  const more = (nowMs - bucket.readAtMs) / 1000 * share.perSecond;
  bucket.tokens = Math.min(share.burst, bucket.tokens + Math.max(0, more));
  bucket.readAtMs = nowMs;
}
