/** How the kernel finds out that the other side of a connection has vanished. */

/** Settings of sockets, of clients' and of servers'. */
export interface TcpTuning {
  /** So long a connection rests before the other side is asked; seconds. */
  readonly keepaliveIdleS: number;
  /** Between two such questions; seconds. */
  readonly keepaliveIntervalS: number;
  /** So many of them without an answer end it. */
  readonly keepaliveCount: number;
  /** So long bytes may be on their way without an answer; milliseconds, 0: as the kernel has it. */
  readonly userTimeoutMs: number;
}

/** A peer that vanished is noticed after about two minutes. */
export const TCP_TUNING: TcpTuning = {
  keepaliveIdleS: 60,
  keepaliveIntervalS: 10,
  keepaliveCount: 6,
  userTimeoutMs: 0,
};
