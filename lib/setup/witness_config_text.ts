/**
 * The configuration file of a witness, for `matriarch proxy`: what a member's file
 * has, less everything that is of PostgreSQL.
 */
import type { CommonPart, WitnessPlan } from "./blueprint.ts";
import {
  certificatesPart,
  head,
  login,
  proxyPart,
  scalar,
  storePart,
} from "./config_text.ts";
import { pathsIn } from "./layout.ts";

/** The file's text. */
export function witnessConfigText(
  common: CommonPart,
  host: WitnessPlan,
): string {
  return [
    head(common, host),
    callPart(common, host),
    certificatesPart(host),
    storePart(common, host),
    proxyPart(),
  ].join("\n");
}

function callPart({ rest }: CommonPart, { places }: WitnessPlan): string {
  const paths = pathsIn(places.configDir);
  return `# A witness: a vote in the store and the ports of clients, no PostgreSQL.
# How this host and its command line call the members.
ctl:
  cacert: ${scalar(paths.trust)}
  certfile: ${scalar(paths.cert)}
  authentication:
${login(rest, 4)}
`;
}
