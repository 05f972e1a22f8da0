/** The systemd unit of a host; docs/safety.md explains each line. */

/** What the unit starts. */
export interface UnitParts {
  /** Absolute path of this program. */
  readonly program: string;
  readonly configPath: string;
  readonly user: string;
}

/** The unit's text. Source: systemd.service(5), systemd.exec(5). */
export function unitText({ program, configPath, user }: UnitParts): string {
  const [run, config] = [program, configPath].map(unitWord);
  return `[Unit]
Description=Matriarch, high availability for PostgreSQL
Wants=network-online.target
After=network-online.target
# Starts again however often it ended.
StartLimitIntervalSec=0

[Service]
Type=notify
User=${user}
ExecStart=${run} run ${config}
ExecReload=/bin/kill -s HUP $MAINPID
AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW
KillMode=process
Restart=on-failure
RestartSec=1
# At boot the store may come later than this host.
TimeoutStartSec=infinity
# At least retry_timeout + 5 s. A frozen agent would never see SIGABRT.
WatchdogSec=15
WatchdogSignal=SIGKILL
# Longer than PostgreSQL needs for its last checkpoint.
TimeoutStopSec=120
ExecStopPost=${run} fence-stop ${config}

[Install]
WantedBy=multi-user.target
`;
}

/** The unit of a witness, which runs a proxy and has no agent. */
export function witnessUnitText(
  { program, configPath, user }: UnitParts,
): string {
  const [run, config] = [program, configPath].map(unitWord);
  return `[Unit]
Description=Matriarch, a witness: a member of the store and a proxy
Wants=network-online.target
After=network-online.target
# Starts again however often it ended.
StartLimitIntervalSec=0

[Service]
Type=notify
User=${user}
RuntimeDirectory=matriarch
ExecStart=${run} proxy ${config}
ExecReload=/bin/kill -s HUP $MAINPID
# etcd goes on meanwhile: the other hosts need its vote.
KillMode=process
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
`;
}

/** One word of a command line. Source: systemd.syntax(7), "Quoting". */
function unitWord(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  if (/^[A-Za-z0-9_@%$/.:+-]+$/.test(escaped)) return escaped;
  const quoted = escaped.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `"${quoted}"`;
}
