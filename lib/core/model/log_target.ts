/** Where log lines go, other than to standard error. */

/** One place for lines. */
export type LogTarget =
  | { readonly kind: "file"; readonly path: string }
  /** A local daemon, by its datagram socket. */
  | { readonly kind: "syslog"; readonly path: string }
  /** A remote one, by UDP. */
  | {
    readonly kind: "syslog_udp";
    readonly host: string;
    readonly port: number;
  }
  | { readonly kind: "journald"; readonly path: string };
