/**
 * When the certificates end that the configuration names, for the metrics page.
 * Whoever made them: those of the cluster's own authority are renewed by the
 * agent, all others by somebody who may forget it.
 */
import type { LocalConfig } from "../config/local_config.ts";
import type { ProxyPort } from "../config/sections/proxy_ports.ts";
import type { Certificates } from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";
import type { Metrics, MetricSample } from "../ports/metrics.ts";
import type { SetupFiles } from "../ports/setup.ts";

const LOOK_MS = 60_000;
/** A bundle of authorities of a distribution has a quarter of that. */
const TEXT_LENGTH_MAX = 1_000_000;
const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";

/** A file with certificates, and the setting that names it. */
export interface CertificateSetting {
  /** Dotted, as in `restapi.certfile`. */
  readonly setting: string;
  readonly path: string;
  /** The first of the file is the own one; of authorities the last to end counts. */
  readonly kind: "own" | "authorities";
}

/** All that the configuration names, each setting once. */
export function certificateSettings(
  { restapi, ctl, dcs, proxy }: Pick<
    LocalConfig,
    "restapi" | "ctl" | "dcs" | "proxy"
  >,
): readonly CertificateSetting[] {
  const managed = "managed" in dcs ? dcs.managed : null;
  const cacert = "cacert" in dcs ? dcs.cacert : null;
  // Where it is not set, it is the other one.
  const peerCacert = managed?.peerTls?.ca ?? null;
  const own = {
    "restapi.certfile": restapi.certfile,
    "ctl.certfile": ctl.certfile,
    [`${dcs.kind}.cert`]: "cert" in dcs ? dcs.cert : null,
    [`${dcs.kind}.server_cert`]: managed?.serverTls?.cert ?? null,
    [`${dcs.kind}.peer_cert`]: managed?.peerTls?.cert ?? null,
    "proxy.stats_certfile": proxy?.statsCertfile ?? null,
    ...portCertificates(proxy?.ports ?? []),
  };
  const authorities = {
    "restapi.cafile": restapi.cafile,
    "ctl.cacert": ctl.cacert,
    [`${dcs.kind}.cacert`]: cacert,
    [`${dcs.kind}.peer_cacert`]: peerCacert === cacert ? null : peerCacert,
  };
  return [...settingsOf("own", own), ...settingsOf("authorities", authorities)];
}

/** Of ports at which the proxy ends TLS itself. */
function portCertificates(
  ports: readonly ProxyPort[],
): Readonly<Record<string, string | null>> {
  return Object.fromEntries([...ports.entries()].flatMap(([at, port]) => {
    const setting = `proxy.ports[${at}]`;
    return [
      [`${setting}.certfile`, port.certfile],
      ...[...port.sni.entries()].map(([index, { certfile }]) => [
        ...[`${setting}.sni[${index}].certfile`, certfile] as const,
      ]),
    ];
  }));
}

function settingsOf(
  kind: CertificateSetting["kind"],
  paths: Readonly<Record<string, string | null>>,
): readonly CertificateSetting[] {
  return Object.entries(paths).flatMap(([setting, path]) =>
    path === null ? [] : [{ setting, path, kind }]
  );
}

/** What it works with. */
interface CertificateEndsParts {
  /** As the last reload left them. */
  readonly settings: () => readonly CertificateSetting[];
  readonly files: Pick<SetupFiles, "read">;
  readonly certificates: Pick<Certificates, "read">;
  readonly clock: Pick<Clock, "sleep">;
}

interface Known {
  readonly text: string;
  readonly endMs: number | null;
}

/** Looks at the files each minute; nothing decides by it. */
export class CertificateEnds implements Metrics {
  readonly #parts: CertificateEndsParts;
  /** By setting. */
  #known: ReadonlyMap<string, Known> = new Map();

  constructor(parts: CertificateEndsParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await this.#parts.clock.sleep(LOOK_MS, signal);
    }
  }

  /** One look at all files. Never rejects. */
  async look(): Promise<void> {
    const known = new Map<string, Known>();
    for (const setting of this.#parts.settings()) {
      known.set(setting.setting, await this.#knownOf(setting));
    }
    this.#known = known;
  }

  samples(): readonly MetricSample[] {
    return [...this.#known].map(([setting, { endMs }]) => ({
      name: "matriarch_certificate_expiry_timestamp_seconds",
      help: "When a certificate ends, epoch seconds; 0: it cannot be read.",
      type: "gauge",
      value: Math.floor((endMs ?? 0) / 1000),
      labels: { setting },
    }));
  }

  /** A file that has not changed is not taken apart again. */
  async #knownOf({ setting, path, kind }: CertificateSetting): Promise<Known> {
    const text = await this.#textOf(path);
    const before = this.#known.get(setting);
    if (before?.text === text) return before;
    return { text, endMs: await this.#endOf(text, kind) };
  }

  async #textOf(path: string): Promise<string> {
    try {
      const text = await this.#parts.files.read(path) ?? "";
      return text.length > TEXT_LENGTH_MAX ? "" : text;
    } catch {
      // Whatever keeps it from being read, it is told as the metric's 0.
      return "";
    }
  }

  async #endOf(
    text: string,
    kind: CertificateSetting["kind"],
  ): Promise<number | null> {
    const blocks = certificatesIn(text);
    const read = kind === "own" ? blocks.slice(0, 1) : blocks;
    let endMs: number | null = null;
    for (const block of read) {
      const facts = await this.#parts.certificates.read(block);
      if (facts !== null) endMs = Math.max(endMs ?? 0, facts.notAfterMs);
    }
    return endMs;
  }
}

/** The certificates of a text one by one; keys and remarks are left out. */
function certificatesIn(text: string): readonly string[] {
  return text.split(BEGIN).slice(1).flatMap((rest) => {
    const end = rest.indexOf(END);
    return end < 0 ? [] : [`${BEGIN}${rest.slice(0, end)}${END}\n`];
  });
}
