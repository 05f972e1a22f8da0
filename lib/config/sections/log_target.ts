/** Where log lines go, as one text. */
import type { LogTarget } from "../../core/model/log_target.ts";
import { Wanted } from "../fields.ts";
import type { ValueType } from "../keys/key.ts";
import { changed, text } from "../keys/types.ts";

const SYSLOG_SOCKET = "/dev/log";
/** Source: systemd, "Native Journal Protocol". */
const JOURNAL_SOCKET = "/run/systemd/journal/socket";
/** Source: RFC 5426. */
const SYSLOG_PORT = 514;

const WANTED =
  "syslog, syslog:/path/of/socket, syslog://host:514 (UDP) or journald";

/** A daemon. */
export const daemonTarget: ValueType<LogTarget> = changed(
  text,
  (value) => daemonOf(value) ?? new Wanted(WANTED),
);

/** A daemon, or the path of a file; false is none. */
export const lineTarget: ValueType<LogTarget | null> = {
  ...text,
  read: (value) => {
    if (value === false) return null;
    const given = text.read(value);
    if (given instanceof Wanted) return given;
    if (given.startsWith("/")) return { kind: "file", path: given };
    return daemonOf(given) ?? new Wanted(`the path of a file, ${WANTED}`);
  },
};

function daemonOf(value: string): LogTarget | null {
  if (value === "journald") return { kind: "journald", path: JOURNAL_SOCKET };
  if (value === "syslog") return { kind: "syslog", path: SYSLOG_SOCKET };
  if (value.startsWith("syslog://")) return remote(value);
  if (!value.startsWith("syslog:/")) return null;
  return { kind: "syslog", path: value.slice("syslog:".length) };
}

function remote(value: string): LogTarget | null {
  // Of a scheme that is not the web's the parser leaves the host alone.
  const url = URL.parse(value.replace(/^syslog:/, "http:"));
  const isPlain = url !== null && url.hostname !== "" &&
    url.pathname === "/" && url.search === "" && url.username === "";
  if (!isPlain) return null;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? portOf(value) : Number(url.port);
  return { kind: "syslog_udp", host, port };
}

/** The web's own port is not written out by the parser. */
function portOf(value: string): number {
  return value.replace(/\/$/, "").endsWith(":80") ? 80 : SYSLOG_PORT;
}
