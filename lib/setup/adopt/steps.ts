/** What taking a server over will do, in words: for whoever has to agree to it. */
import type { FoundServer } from "./look.ts";

/** What of the call the text needs. */
interface StepWish {
  readonly scope: string;
  readonly name: string;
  readonly isStarted: boolean;
}

/** The text; who agrees, agrees to this. */
export function stepsText(
  { server, part, major, startFile, notes }: FoundServer,
  { scope, name, isStarted }: StepWish,
): string {
  const { superuser, replication, dataDir, port, unit } = server;
  const service = unit === null ? "by no service" : `by ${unit}`;
  const { customConf } = part;
  const lines = [
    `It gets the roles ${superuser.username} (superuser) and ` +
    `${replication.username}, for the agents. Its own roles and their ` +
    "passwords stay as they are.",
    customConf === null
      ? `${dataDir}/postgresql.conf becomes postgresql.base.conf, which the ` +
        "agent's own includes. Its settings become the cluster's."
      : `${customConf} stays: ${dataDir}/postgresql.conf, the agent's own, ` +
        "includes it. Its settings become the cluster's.",
    `The lines of pg_hba.conf and pg_ident.conf become the cluster's, with ` +
    `three in front for these roles${
      customConf === null ? "" : `; ${dataDir} has the files that count`
    }.`,
    `It listens at ${part.listen}.`,
    ...(startFile === null
      ? []
      : [`${startFile} says "disabled": nothing else starts it.`]),
    isStarted
      ? `It is stopped${
        unit === null ? "" : `, ${unit} is disabled`
      }, and matriarch.service starts it: all its sessions end, once.`
      : "Nothing is restarted now: --no-start.",
    ...notes.map((note) => `Note: ${note}.`),
  ];
  return `PostgreSQL ${major} on ${dataDir} (port ${port}, started ` +
    `${service}) becomes ${name}, the first member of the cluster ${scope}:\n` +
    lines.map((line) => `- ${line}\n`).join("");
}
