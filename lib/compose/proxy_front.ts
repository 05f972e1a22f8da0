/** Chooses the front of a proxy: worker threads where they can work, else the portable one. */
import type { ProxyConfig } from "../config/sections/proxy.ts";
import { TcpDialer } from "../../proxy/dial.ts";
import type { Front } from "../../proxy/front.ts";
import { KernelTuning } from "../../proxy/kernel_tuning.ts";
import { loadLibc } from "../../proxy/native/libc.ts";
import { ProxyStartError } from "../../proxy/options.ts";
import { PortableFront } from "../../proxy/portable_front.ts";
import type { FrontParts } from "../../proxy/front_parts.ts";
import { WorkerFront } from "../../proxy/worker_front.ts";

/**
 * One thread moves more than PostgreSQL on as many processors can produce, and
 * costs the least per transaction.
 */
const PROCESSORS_PER_WORKER = 4;
const WORKERS_MAX = 8;

/** The part of the configuration that decides. */
export type FrontChoice = Pick<
  ProxyConfig,
  "dataPlane" | "workers" | "isRingWanted"
>;

/** Threads that {@link openFront} will start if it can; 0 for none. */
export function workersOf(choice: FrontChoice): number {
  if (choice.dataPlane === "portable") return 0;
  if (choice.workers !== null) return choice.workers;
  const share = Math.ceil(
    navigator.hardwareConcurrency / PROCESSORS_PER_WORKER,
  );
  return Math.min(WORKERS_MAX, share);
}

/**
 * Opens the doors for clients.
 *
 * @throws {ProxyStartError} If a port cannot be opened, or if worker threads
 *   are wanted and not possible here; no port stays open.
 */
export async function openFront(
  parts: FrontParts,
  choice: FrontChoice,
): Promise<Front> {
  if (choice.dataPlane !== "portable") {
    const workers = workersOf(choice);
    const workerUrl = proxyWorkerUrl();
    const front = await WorkerFront.open({
      ...parts,
      workers,
      workerUrl,
      isRingWanted: choice.isRingWanted,
    });
    if (front !== null) return front;
    const text = "Worker threads need Linux with glibc, and cannot run here";
    if (choice.dataPlane === "workers") throw new ProxyStartError(text);
    parts.log.info(`${text}; the proxy uses the portable data plane`);
  }
  const tuning = new KernelTuning(loadLibc(), parts.limits.tcp);
  const dialer = new TcpDialer(parts.clock, tuning);
  return PortableFront.open({ ...parts, dialer, tuning });
}

/** Beside the main file of an executable, or in the checkout. */
export function proxyWorkerUrl(): URL {
  const isBundled = import.meta.url.endsWith(".js");
  return isBundled
    ? new URL("./proxy_worker.js", import.meta.url)
    : new URL("../../proxy/native/worker.ts", import.meta.url);
}
