/** A server that is being taken over, as the draft keeps it until all is done. */
import { asObject, readCount, readText } from "../../core/codec/json.ts";
import type { RunningServer } from "../../ports/setup_servers.ts";
import { decodeLogin, type Login } from "../login.ts";

/** The server, and what the agents are to be in it. */
export interface AdoptedServer extends Omit<RunningServer, "isFolderOwn"> {
  readonly superuser: Login;
  readonly replication: Login;
  /** Whether it has these roles; until then it has to run. */
  readonly hasRoles: boolean;
}

/** Null: it cannot be read. */
export function decodeAdopted(value: unknown): AdoptedServer | null {
  const fields = asObject(value);
  const text = (name: string): string | null => readText(fields?.[name]);
  const [dataDir, binDir, socketDir, user] = [
    text("dataDir"),
    text("binDir"),
    text("socketDir"),
    text("user"),
  ];
  const [pid, port] = [readCount(fields?.["pid"]), readCount(fields?.["port"])];
  const superuser = decodeLogin(fields?.["superuser"]);
  const replication = decodeLogin(fields?.["replication"]);
  const hasRoles = fields?.["hasRoles"] === true;
  if (dataDir === null || binDir === null || socketDir === null) return null;
  if (user === null || pid === null || port === null) return null;
  if (superuser === null || replication === null) return null;
  return {
    ...{ dataDir, binDir, socketDir, user, pid, port, unit: text("unit") },
    ...{ superuser, replication, hasRoles },
  };
}
