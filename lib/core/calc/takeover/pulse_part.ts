/** Who says to whom that it lives, while takeover is on. */
import type { Revision } from "../../base/units.ts";
import { type HostPort, parseConnUrl } from "../../codec/conn_url.ts";
import type { Member, MemberName } from "../../model/member.ts";
import { type ClusterView, memberOf } from "../../model/cluster_view.ts";
import { leadOf, type Observation } from "../../model/observation.ts";

/** What this member has to do with pulses. */
export type PulsePart =
  | { readonly kind: "nothing" }
  /** Without the store nobody knows better: as before. */
  | { readonly kind: "unknown" }
  | {
    readonly kind: "speak";
    readonly term: Revision;
    readonly voters: readonly MemberName[];
  }
  | {
    readonly kind: "listen";
    readonly leader: MemberName;
    readonly apiUrl: string | null;
    readonly postgres: HostPort | null;
    readonly proxy: HostPort | null;
  };

/** The part after a cycle that saw `o`. */
export function pulsePart(o: Observation): PulsePart {
  const { settings, self, dcs } = o;
  const isOn = settings.takeover !== null && !settings.isStandbyCluster;
  if (!isOn || o.pledge === null) return { kind: "nothing" };
  if (dcs.kind === "unreachable") return { kind: "unknown" };
  const { leader } = dcs.view;
  if (leader === null) return { kind: "nothing" };
  if (leadOf(o) === "self") {
    const voters = listenersOf(o, dcs.view);
    return voters.length === 0
      ? { kind: "nothing" }
      : { kind: "speak", term: leader.revision, voters };
  }
  const isListener = isVoter(o, dcs.view, self) || o.fencing !== null;
  if (leader.name === self || !isListener) {
    return { kind: "nothing" };
  }
  const member = memberOf(dcs.view, leader.name);
  // While its member key is gone it is where it was.
  if (member === null) return { kind: "unknown" };
  return {
    kind: "listen",
    leader: leader.name,
    apiUrl: member.apiUrl,
    postgres: placeOf(member.connUrl),
    proxy: doorOf(member),
  };
}

/** Those who could pledge against this leader, or have its host fenced. */
function listenersOf(
  o: Observation,
  view: ClusterView,
): readonly MemberName[] {
  const fencers = view.members.filter(({ fencing }) => fencing === "ready")
    .map(({ name }) => name);
  const voters = view.sync.standbys.filter((name) => isVoter(o, view, name));
  return [...new Set([...voters, ...fencers])].filter((name) =>
    name !== o.self
  );
}

function isVoter(
  { settings }: Observation,
  { sync }: ClusterView,
  name: MemberName,
): boolean {
  return settings.synchronousMode !== "off" && sync.standbys.includes(name);
}

function placeOf(url: string | null): HostPort | null {
  const place = url === null ? null : parseConnUrl(url);
  return place === null ? null : { host: place.host, port: place.port };
}

/** Of a sealed member; another one does not say where its proxy listens. */
function doorOf({ connUrl, doors }: Member): HostPort | null {
  const place = placeOf(connUrl);
  return place === null || doors === null
    ? null
    : { host: place.host, port: doors.primary };
}
