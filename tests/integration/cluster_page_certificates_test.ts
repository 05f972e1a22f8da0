/**
 * The cluster page of a proxy where the members' REST API asks even readers for
 * a client certificate: `matriarch proxy` as a process, before a real listener.
 */
import assert from "node:assert/strict";
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { DcsSqlite } from "../../lib/adapters/sqlite/dcs_sqlite.ts";
import { type RestServer, serveRest } from "../../lib/http/server.ts";
import {
  issued,
  type IssuedFiles,
  selfSigned,
} from "../helpers/certificates.ts";
import { freePort } from "../helpers/free_ports.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { RestBench } from "../helpers/rest_app.ts";
import { untilIt } from "../helpers/wait.ts";
import { KeyWriter } from "./proxy_rig.ts";

/** A store, one member in it, and files of certificates. */
class Place implements AsyncDisposable {
  readonly #folder: string;
  readonly #dcs: DcsSqlite;
  readonly #rest: RestServer;
  readonly files: IssuedFiles;

  private constructor(
    folder: string,
    dcs: DcsSqlite,
    made: { readonly files: IssuedFiles; readonly rest: RestServer },
  ) {
    this.#folder = folder;
    this.#dcs = dcs;
    this.#rest = made.rest;
    this.files = made.files;
  }

  static async open(): Promise<Place> {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-page-" });
    const files = await issued(folder, "n1");
    const [ca, cert, key] = await Promise.all(
      [files.ca, files.cert, files.key].map((path) => Deno.readTextFile(path)),
    );
    const bench = new RestBench();
    bench.settings = { ...bench.settings, isClientCertificateWanted: true };
    const rest = await serveRest(bench.app, {
      listen: { host: "127.0.0.1", port: 0 },
      tls: {
        ...{ cert: cert ?? "", key: key ?? "", ca: ca ?? "" },
        ...{ passphrase: null, ciphers: null, verifyClient: "required" },
      },
      log: bench.log,
    });
    const dcs = new DcsSqlite({
      path: `${folder}/dcs.db`,
      scopePath: "/service/demo",
      clock: new SystemClock(),
    });
    await new KeyWriter(dcs).member("n1", {
      port: 1,
      api_url: `https://127.0.0.1:${rest.port}/patroni`,
    });
    return new Place(folder, dcs, { files, rest });
  }

  /** What a proxy's page says of the member, once `look` takes it. */
  async shown(
    ctl: Readonly<Record<string, string>>,
    look: (piece: Piece) => boolean,
  ): Promise<Piece> {
    const port = freePort();
    const config = {
      ...{ scope: "demo", sqlite: { path: `${this.#folder}/dcs.db` }, ctl },
      proxy: {
        ...{ listen: "127.0.0.1", primary_port: freePort() },
        ...{ replica_port: freePort(), stats_port: port },
      },
    };
    const path = `${this.#folder}/proxy.yml`;
    await Deno.writeTextFile(path, JSON.stringify(config));
    const proxy = matriarchCommand(["proxy", path], {
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    try {
      const patience = { limitMs: 30_000 };
      return await untilIt(
        "the page says so",
        () => memberPiece(port, look),
        patience,
      );
    } finally {
      proxy.kill("SIGTERM");
      await proxy.status;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rest.close();
    await this.#dcs.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** What the page is sent of one member. */
interface Piece {
  readonly silence: string | null;
  readonly own: Readonly<Record<string, unknown>> | null;
}

/** The first that `look` takes of one stream; null: it ended before. */
async function memberPiece(
  port: number,
  look: (piece: Piece) => boolean,
): Promise<Piece | null> {
  const response = await fetch(`http://127.0.0.1:${port}/ui/events`, {
    signal: AbortSignal.timeout(15_000),
  });
  let text = "";
  for await (
    const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []
  ) {
    text += part;
    for (const [, data = "{}"] of text.matchAll(/^data: (.*)\n\n/gm)) {
      const piece = JSON.parse(data).set?.["member n1"];
      if (piece !== undefined && look(piece)) return piece;
    }
  }
  return null;
}

Deno.test("a proxy's page asks members with the certificate of ctl, or says that it has none", async () => {
  await using place = await Place.open();
  const isHeard = ({ silence, own }: Piece) => silence !== null || own !== null;
  const without = await place.shown({}, isHeard);
  assert.match(
    without.silence ?? "",
    /asks? for a client certificate, and none is set here \(ctl\.certfile, /,
  );
  assert.equal(without.own, null);

  const { ca, cert, key } = place.files;
  const own = { cacert: ca, certfile: cert, keyfile: key };
  const known = await place.shown(own, isHeard);
  assert.equal(known.silence, null);
  assert.equal(known.own?.["watchdog"], "active");

  const missing = await place.shown({ ...own, certfile: "/none" }, isHeard);
  assert.match(
    missing.silence ?? "",
    /^it was not asked: ctl\.certfile: the file \/none cannot be read: /,
  );

  const folder = await Deno.makeTempDir();
  const stranger = await selfSigned("stranger");
  await Deno.writeTextFile(`${folder}/crt`, stranger.cert + stranger.key);
  const refused = await place.shown(
    { cacert: ca, certfile: `${folder}/crt` },
    isHeard,
  );
  assert.match(
    refused.silence ?? "",
    /; it may not take the certificate of ctl\.certfile$/,
  );
  await Deno.remove(folder, { recursive: true });
});
