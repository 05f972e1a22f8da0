/**
 * What answers in the place of a DynamoDB that serves: strangers, refused
 * credentials, a clock that is off, throttling, answers that get lost. An
 * emulator checks no signature, so a front says what AWS would.
 */
import assert from "node:assert/strict";
import type { DynamoAccess } from "../../lib/adapters/dynamodb/options.ts";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { Wanted } from "../../lib/config/fields.ts";
import { readStore } from "../../lib/config/stores/all.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../lib/ports/errors.ts";
import { DynaliteServer } from "../helpers/dynalite.ts";
import { awsError, DynamoFront } from "../helpers/dynamo_front.ts";
import { withDynamo } from "./dcs_dynamodb_access.ts";
import { certificate } from "./dcs_etcd_access.ts";
import {
  contents,
  guardedPut,
  isRefused,
  LIMITS,
  put,
  SHORT_LIMITS,
} from "./dcs_fixture.ts";

const STRANGER = /is not DynamoDB/;

async function strangers(): Promise<void> {
  const answers: readonly (readonly [() => Response, RegExp, boolean?])[] = [
    [() => new Response("hello"), STRANGER],
    [() => new Response("<html>", { status: 404 }), STRANGER],
    [() => new Response("{}"), STRANGER],
    [() => new Response('{"errors":[]}', { status: 403 }), STRANGER],
    [() => new Response("", { status: 302 }), STRANGER],
    [
      () => new Response("<html>", { status: 503 }),
      /cannot serve: .*\(status 503\)/,
      true,
    ],
    [() => new Response(`"${"x".repeat(9 << 20)}"`), /answer is too long/],
  ];
  let answer = answers[0]?.[0] ?? (() => new Response());
  const web = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => answer(),
  );
  for (const [given, text, isUnreachable = false] of answers) {
    answer = given;
    const kind = isUnreachable ? DcsUnreachableError : DcsRefusedError;
    await withDynamo(web.addr.port, {}, async (dcs) => {
      await isRefused(dcs.readFresh(LIMITS), text, kind);
      await isRefused(dcs.openSession(20_000, LIMITS), text, kind);
    });
  }
  const endpoint = `https://127.0.0.1:${web.addr.port}`;
  await withDynamo(0, { endpoint }, async (dcs) => {
    const call = dcs.readFresh(LIMITS);
    await isRefused(call, /Cannot reach DynamoDB at/, DcsUnreachableError);
  });
  await web.shutdown();
  await withDynamo(web.addr.port, {}, async (dcs) => {
    const call = dcs.readFresh(LIMITS);
    await isRefused(call, /Cannot reach .*ECONNREFUSED/, DcsUnreachableError);
  });
}

async function noHttp(): Promise<void> {
  const talker = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const talking = (async () => {
    for await (const connection of talker) {
      await connection.write(new TextEncoder().encode("220 mail ready\r\n"));
      await connection.read(new Uint8Array(100)).catch(() => {});
      connection.close();
    }
  })();
  await withDynamo(talker.addr.port, {}, async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), STRANGER);
  });
  talker.close();
  await talking;
  // A port that takes connections and says nothing.
  const silent = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  await withDynamo(silent.addr.port, {}, async (dcs) => {
    const call = dcs.readFresh(SHORT_LIMITS);
    await isRefused(call, /no answer in time/, DcsUnreachableError);
  });
  silent.close();
}

/** As AWS says it, request and token included. */
const MISMATCH =
  "The request signature we calculated does not match the signature you " +
  "provided.\n\nThe Canonical String for this request should have been\n" +
  "'POST\n/\n\nx-amz-security-token:very-secret\n'";

async function refusedCredentials(): Promise<void> {
  await using server = await DynaliteServer.start();
  await using front = new DynamoFront(server.endpoint);
  const unauthorized = "User: arn:aws:iam::1:user/u is not authorized to " +
    "perform: dynamodb:PutItem on resource: r";
  for (
    const [name, message, text] of [
      [
        ...["UnrecognizedClientException", "The security token is invalid"],
        /does not accept these credentials \(UnrecognizedClientException\)/,
      ],
      ["ExpiredTokenException", "token has expired", /have expired: renew/],
      [
        ...["InvalidSignatureException", MISMATCH],
        /does not accept these credentials \(InvalidSignatureException\)$/,
      ],
      [
        ...["AccessDeniedException", unauthorized],
        /does not give these credentials the rights .*dynamodb:PutItem/,
      ],
      ["ValidationException", "odd", /refuses: ValidationException, odd/],
    ] as const
  ) {
    for (const at of ["DescribeTable", "GetItem", "PutItem"]) {
      front.answer = ({ operation }) =>
        operation === at ? awsError(name, message) : null;
      await withDynamo(front.port, {}, async (dcs) => {
        await isRefused(put(dcs, "a", "1"), text);
      });
    }
  }
}

/** The access key that a request was signed with. */
function keyOf(headers: Headers): string {
  return /Credential=([^/]{1,50})\//.exec(headers.get("authorization") ?? "")
    ?.[1] ?? "";
}

async function renewedCredentials(): Promise<void> {
  await using server = await DynaliteServer.start();
  await using front = new DynamoFront(server.endpoint);
  let good = "one";
  front.answer = ({ headers }) =>
    keyOf(headers) === good ? null : awsError(
      "UnrecognizedClientException",
      "The security token is invalid",
    );
  const pair = (accessKeyId: string): DynamoAccess => ({
    profile: null,
    keys: { accessKeyId, secretAccessKey: "s", sessionToken: "t" },
  });
  let access = pair("one");
  await withDynamo(front.port, { access: () => access }, async (dcs) => {
    await put(dcs, "a", "1");
    good = "two";
    await isRefused(put(dcs, "a", "2"), /does not accept these credentials/);
    access = pair("two");
    await put(dcs, "a", "2");
    assert.deepEqual(await contents(dcs), { a: "2" });
  });
  const folder = await Deno.makeTempDir({ prefix: "matriarch-aws-" });
  const file = `${folder}/credentials`;
  const write = (key: string) =>
    Deno.writeTextFile(
      file,
      `[p]\naws_access_key_id = ${key}\naws_secret_access_key = s\n`,
    );
  await withVariables({
    AWS_SHARED_CREDENTIALS_FILE: file,
    AWS_CONFIG_FILE: `${folder}/config`,
    AWS_EC2_METADATA_DISABLED: "true",
  }, async () => {
    const named = { profile: "p", keys: null };
    await withDynamo(front.port, { access: () => named }, async (dcs) => {
      const nothing = /There are no credentials for DynamoDB at .*\(set access/;
      await isRefused(dcs.readFresh(LIMITS), nothing);
      await write("two");
      assert.deepEqual(await contents(dcs), { a: "2" });
      good = "three";
      await isRefused(dcs.readFresh(LIMITS), /does not accept these/);
      await write("three");
      assert.deepEqual(await contents(dcs), { a: "2" });
    });
    const none = { profile: null, keys: null };
    await withDynamo(front.port, { access: () => none }, async (dcs) => {
      await isRefused(dcs.readFresh(LIMITS), /There are no credentials/);
    });
    const nowhere = { region: null, endpoint: null };
    await withDynamo(0, nowhere, async (dcs) => {
      await isRefused(dcs.readFresh(LIMITS), /has no region, and neither AWS_/);
    });
  });
  await Deno.remove(folder, { recursive: true });
}

/** With these variables alone among AWS's own. */
async function withVariables(
  variables: Readonly<Record<string, string>>,
  use: () => Promise<void>,
): Promise<void> {
  const before = Object.entries(Deno.env.toObject())
    .filter(([name]) => name.startsWith("AWS_"));
  for (const [name] of before) Deno.env.delete(name);
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value);
  }
  try {
    await use();
  } finally {
    for (const name of Object.keys(variables)) Deno.env.delete(name);
    for (const [name, value] of before) Deno.env.set(name, value);
  }
}

async function clocks(): Promise<void> {
  await using server = await DynaliteServer.start();
  await using front = new DynamoFront(server.endpoint);
  const aheadMs = 3_600_000;
  const date = () => new Date(Date.now() + aheadMs).toUTCString();
  const signedAt = (headers: Headers) => {
    const text = headers.get("x-amz-date") ?? "";
    const [day, time] = [text.slice(0, 8), text.slice(9, 15)];
    const iso = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T` +
      `${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}Z`;
    return Date.parse(iso);
  };
  const old = "Signature expired: 20261129T000000Z is now earlier than " +
    "20261129T010000Z (20261129T010500Z - 5 min.)";
  front.answer = ({ headers }) =>
    Math.abs(signedAt(headers) - Date.now() - aheadMs) < 300_000
      ? null
      : awsError("InvalidSignatureException", old, {
        headers: { date: date() },
      });
  await withDynamo(front.port, {}, async (dcs) => {
    await put(dcs, "a", "1");
    assert.deepEqual(await contents(dcs), { a: "1" });
  });
  // Whatever it is signed with is refused.
  for (
    const [name, message] of [
      ["RequestTimeTooSkewed", "The difference is too large"],
      ["InvalidSignatureException", old],
      [
        "InvalidSignatureException",
        "Signature not yet current: 20261129T010000Z is still later than x",
      ],
    ] as const
  ) {
    front.answer = () => awsError(name, message, { headers: { date: date() } });
    await withDynamo(front.port, {}, async (dcs) => {
      await isRefused(dcs.readFresh(LIMITS), /clock is more than five minutes/);
    });
  }
}

async function lostAnswers(): Promise<void> {
  await using server = await DynaliteServer.start();
  await using front = new DynamoFront(server.endpoint);
  await withDynamo(front.port, {}, async (dcs) => {
    let isLost = true;
    front.answer = async ({ operation, forward }) => {
      if (operation !== "PutItem" || !isLost) return null;
      isLost = false;
      await forward();
      return awsError("InternalServerError", "sorry", { status: 500 });
    };
    const bid = { value: "n1", guard: { kind: "absent" } } as const;
    assert.equal((await guardedPut(dcs, "leader", bid)).kind, "done");
    assert.ok(!isLost);
    for (
      const [name, status] of [
        ["ProvisionedThroughputExceededException", 400],
        ["RequestLimitExceeded", 400],
        ["ThrottlingException", 400],
        ["ServiceUnavailable", 503],
        ["InternalServerError", 500],
        ["", 429],
      ] as const
    ) {
      front.answer = () => awsError(name, "later", { status });
      const text = /cannot serve: .*later \(status/;
      await isRefused(dcs.readFresh(LIMITS), text, DcsUnreachableError);
      const put = dcs.removeScope(SHORT_LIMITS);
      // It is tried until the limit, which may end the last look.
      const either = /later \(status|no answer in time/;
      await isRefused(put, either, DcsUnreachableError);
    }
    front.answer = () => null;
    assert.deepEqual(await contents(dcs), { leader: "n1" });
  });
}

async function certificates(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
  try {
    const ca = await certificate(folder, "ca", null);
    const stranger = await certificate(folder, "stranger", null);
    const pair = await certificate(folder, "server", ca);
    await using server = await DynaliteServer.start();
    await using front = new DynamoFront(server.endpoint, {
      cert: await Deno.readTextFile(pair.cert),
      key: await Deno.readTextFile(pair.key),
    });
    const section = {
      ...{ endpoint: `https://127.0.0.1:${front.port}`, region: "local" },
      ...{ access_key_id: "k", secret_access_key: "s" },
    };
    for (const cacert of [ca.cert, stranger.cert]) {
      const config = readStore({ dynamodb: { ...section, cacert } });
      assert.ok(!(config instanceof Wanted));
      const place = { namespace: "service", scope: "batman", group: null };
      const dcs = await openDcsTarget({ config, ...place });
      try {
        if (cacert === ca.cert) {
          await put(dcs, "a", "1");
          assert.deepEqual(await contents(dcs), { a: "1" });
        } else {
          const call = dcs.readFresh(LIMITS);
          await isRefused(call, /certificate|issuer/i, DcsUnreachableError);
        }
      } finally {
        await dcs.close();
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a server of another kind on the port is named as one", strangers);
Deno.test("what speaks no HTTP, or nothing, is told", noHttp);
Deno.test("refused credentials are told, without secrets", refusedCredentials);
Deno.test("renewed credentials are used without a restart", renewedCredentials);
Deno.test("a host's clock that is off is corrected, or named", clocks);
Deno.test("answers that are lost, and a busy server", lostAnswers);
Deno.test("the endpoint's certificate counts", certificates);
