/**
 * The store `dynamodb`, ours. What the section does not say is looked for where
 * AWS's own programs look: variables, files, the role of the host.
 */
import { Wanted } from "../fields.ts";
import { checkOf } from "../keys/check.ts";
import { type KeyMap, section, type SectionOf } from "../keys/key.ts";
import { changed, orNone, text, textOrNone, truth } from "../keys/types.ts";
import { boolean } from "../validate/checks.ts";
import type { Store, UrlForm } from "./store.ts";

/** Section `dynamodb`. */
export interface DynamodbConfig {
  readonly kind: "dynamodb";
  /** Null: as AWS's variables and files say. */
  readonly region: string | null;
  /** `http[s]://host[:port]`; null: the region's own. */
  readonly endpoint: string | null;
  readonly table: string;
  readonly isTableMade: boolean;
  readonly cacert: string | null;
  /** Null: AWS's default one. */
  readonly profile: string | null;
  /** Null: whatever AWS's own chain finds. */
  readonly keys: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string | null;
  } | null;
}

const DEFAULT_TABLE = "matriarch";
/** What an emulator is asked for. */
const EMULATED_REGION = "local";

const REGION = /^[a-z0-9-]{1,64}$/;
const TABLE = /^[a-zA-Z0-9_.-]{3,255}$/;

const region = orNone(changed(
  text,
  (value) =>
    REGION.test(value) ? value : new Wanted("a region, such as eu-central-1"),
));

const endpoint = orNone(changed(
  text,
  (value) => endpointOf(value) ?? new Wanted("http[s]://HOST[:PORT]"),
));

const table = orNone(changed(
  text,
  (value) =>
    TABLE.test(value)
      ? value
      : new Wanted("the name of a table: 3 to 255 letters, digits, _ . -"),
));

/** The keys of the section. */
const KEYS = {
  region: {
    type: region,
    otherwise: "AWS_REGION, or the profile's",
    variable: true,
    meaning: "Ours: region of AWS that holds the table",
  },
  endpoint: {
    type: endpoint,
    otherwise: "the region's",
    variable: true,
    meaning: "Ours: another address of DynamoDB, `http[s]://HOST[:PORT]`",
  },
  table: {
    type: table,
    fallback: DEFAULT_TABLE,
    variable: true,
    meaning: "Ours: the table of scopes",
  },
  create_table: {
    type: orNone(truth),
    fallback: false,
    check: boolean,
    variable: "bool",
    meaning: "Ours: an agent makes the table if it is missing, paid on demand",
  },
  profile: {
    type: textOrNone,
    apply: "reload",
    otherwise: "AWS_PROFILE",
    variable: true,
    meaning: "Ours: profile in AWS's files, for credentials and region",
  },
  access_key_id: {
    type: textOrNone,
    apply: "reload",
    otherwise: "AWS's own order of sources",
    variable: true,
    meaning: "Ours: access key, before the profile's",
  },
  secret_access_key: {
    type: textOrNone,
    apply: "reload",
    variable: true,
    meaning: "Ours: its secret",
  },
  session_token: {
    type: textOrNone,
    apply: "reload",
    variable: true,
    meaning: "Ours: its token, if it is a temporary one",
  },
  cacert: {
    type: textOrNone,
    suffix: "text",
    meaning: "Ours: authorities of the endpoint's certificate",
  },
} as const satisfies KeyMap;

/** A port means an address, else it is a region; in front of either the table. */
const URL_FORM: UrlForm = {
  port: null,
  hasNamespace: true,
  section: ({ host, port }) => {
    const at = host.lastIndexOf("@");
    const place = host.slice(at + 1);
    // What stands for a missing host is no region.
    const isRegion = port === "" && place !== "" && place !== "localhost";
    return {
      ...(at > 0 ? { table: host.slice(0, at) } : {}),
      ...(isRegion ? { region: place } : {}),
      ...(port === ""
        ? {}
        : { endpoint: `http://${place}:${port}`, region: EMULATED_REGION }),
    };
  },
};

/** The store. */
export const DYNAMODB: Store<DynamodbConfig> = {
  name: "dynamodb",
  hint: "dynamodb (region, table)",
  keys: KEYS,
  section: changed(section(KEYS), configOf),
  check: checkOf(KEYS),
  url: URL_FORM,
  hasProxy: true,
};

function configOf(keys: SectionOf<typeof KEYS>): DynamodbConfig | Wanted {
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  if ((accessKeyId === null) !== (secretAccessKey === null)) {
    return new Wanted([{
      path: [accessKeyId === null ? "access_key_id" : "secret_access_key"],
      wanted: "access_key_id and secret_access_key together",
    }]);
  }
  if (sessionToken !== null && accessKeyId === null) {
    return new Wanted([{
      path: ["access_key_id"],
      wanted: "the access key that the session_token belongs to",
    }]);
  }
  const { region, endpoint, cacert, profile } = keys;
  return {
    kind: "dynamodb",
    ...{ region, endpoint, cacert, profile },
    table: keys.table ?? DEFAULT_TABLE,
    isTableMade: keys.createTable ?? false,
    keys: accessKeyId === null || secretAccessKey === null
      ? null
      : { accessKeyId, secretAccessKey, sessionToken },
  };
}

function endpointOf(value: string): string | null {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) return null;
  const isPlain = url.hostname !== "" && url.username === "" &&
    url.password === "" && url.pathname === "/" && url.search === "" &&
    url.hash === "";
  return isPlain ? url.origin : null;
}
