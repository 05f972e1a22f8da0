import assert from "node:assert/strict";
import { Allowlist } from "./allowlist.ts";
import type { ClientInfo } from "./context.ts";
import { LogLines, RestBench } from "../../tests/helpers/rest_app.ts";
import {
  leadingStatus,
  registered,
  threeMembers,
} from "../../tests/helpers/stub_agent_api.ts";

const PROTECTED = [
  "PATCH /config",
  "PUT /config",
  "POST /switchover",
  "POST /failover",
  "DELETE /switchover",
  "POST /restart",
  "DELETE /restart",
  "POST /reload",
  "POST /reinitialize",
  "POST /failsafe",
  "POST /citus",
  "POST /mpp",
  "POST /sigterm",
];

const OPEN = [
  "GET /",
  "HEAD /",
  "OPTIONS /",
  "GET /patroni",
  "GET /metrics",
  "GET /liveness",
  "GET /cluster",
  "GET /history",
  "GET /config",
];

function client(
  address: string,
  changes: Partial<ClientInfo> = {},
): { readonly client: ClientInfo } {
  return {
    client: {
      address,
      isTls: false,
      hasCertificate: false,
      certificateName: null,
      ...changes,
    },
  };
}

function basic(text: string): { readonly headers: Record<string, string> } {
  return { headers: { authorization: `Basic ${btoa(text)}` } };
}

async function listed(...items: string[]): Promise<Allowlist> {
  return await Allowlist.resolve(items, new LogLines());
}

Deno.test("passwords: unsafe requests need the exact one, before any body", async () => {
  const bench = new RestBench();
  const credentials = { username: "user", password: "päss:word" };
  bench.settings = { ...bench.settings, credentials };
  for (const line of PROTECTED) {
    const missing = await bench.ask(line);
    assert.equal(missing.status, 401, line);
    assert.equal(missing.text, "no auth header received");
    assert.equal(
      missing.headers.get("www-authenticate"),
      'Basic realm="Patroni"',
    );
  }
  const encoded = btoa(
    String.fromCharCode(...new TextEncoder().encode("user:päss:word")),
  );
  for (
    const authorization of [
      "Basic ",
      "Basic x",
      "Bearer x",
      `basic ${encoded}`,
      `Basic  ${encoded}`,
      `Basic ${encoded}=`,
      `Basic ${btoa("user:pass")}`,
    ]
  ) {
    assert.equal(
      await bench.line("POST /reload", { headers: { authorization } }),
      "401 not authenticated",
      authorization,
    );
  }
  const headers = { authorization: `Basic ${encoded}` };
  assert.equal((await bench.ask("POST /reload", { headers })).status, 202);
  for (const line of OPEN) {
    const { status } = await bench.ask(line);
    assert.ok(status === 200, `${line} ${status}`);
  }
});

Deno.test("allowlist: networks, addresses and names; mapped IPv4 counts as IPv4", async () => {
  const bench = new RestBench();
  const allowlist = await listed(
    "10.1.2.3/8",
    "192.168.0.1",
    "::1",
    "fd00::/8",
  );
  bench.settings = { ...bench.settings, allowlist };
  const status = async (address: string) =>
    (await bench.ask("POST /reload", client(address))).status;
  for (
    const address of [
      "10.9.9.9",
      "192.168.0.1",
      "::1",
      "::ffff:10.0.0.7",
      "fd12::5%eth0",
    ]
  ) assert.equal(await status(address), 202, address);
  for (const address of ["11.0.0.1", "192.168.0.2", "::2", "", "nonsense"]) {
    assert.equal(await status(address), 403, address);
  }
  const denied = client("11.0.0.1");
  for (const line of PROTECTED) {
    assert.equal(await bench.line(line, denied), "403 Access is denied", line);
  }
  for (const line of OPEN) {
    assert.equal((await bench.ask(line, denied)).status, 200, line);
  }
});

Deno.test("allowlist: items that cannot be used are logged and skipped", async () => {
  const log = new LogLines();
  const allowlist = await Allowlist.resolve(
    ["10.0.0.0/99", "host.invalid", "x/8", "127.0.0.1"],
    log,
  );
  assert.equal(allowlist.includes("127.0.0.1"), true);
  assert.equal(allowlist.includes("10.0.0.1"), false);
  assert.equal(log.lines.length, 3);
  assert.match(log.lines[0] ?? "", /^ERROR Cannot use the item "10.0.0.0\/99"/);
});

Deno.test("allowlist: names are resolved when the list is made", async () => {
  const allowlist = await listed("localhost");
  assert.ok(allowlist.includes("127.0.0.1") || allowlist.includes("::1"));
});

Deno.test("allowlist_include_members allows members", async () => {
  const bench = new RestBench();
  bench.settings = { ...bench.settings, isMembersAllowed: true };
  bench.api.current = leadingStatus({
    view: threeMembers({
      members: [
        registered("n1"),
        registered("n2", { apiUrl: "https://[fd00::2]:8008/patroni" }),
        registered("n3", { apiUrl: "no url" }),
        registered("n4", { apiUrl: null }),
      ],
    }),
  });
  const status = async (address: string) =>
    (await bench.ask("POST /reload", client(address))).status;
  assert.equal(await status("10.0.0.1"), 202);
  assert.equal(await status("::ffff:10.0.0.1"), 202);
  assert.equal(await status("fd00::2"), 202);
  assert.equal(await status("10.0.0.9"), 403);
  bench.settings = { ...bench.settings, allowlist: await listed("10.0.0.9") };
  assert.equal(await status("10.0.0.9"), 202);
  assert.equal(await status("10.0.0.1"), 202);
  bench.api.current = leadingStatus({ view: null });
  assert.equal(await status("10.0.0.1"), 403);
});

Deno.test("client certificates: unsafe requests over TLS need one", async () => {
  const bench = new RestBench();
  bench.settings = { ...bench.settings, isClientCertificateWanted: true };
  const tls = client("10.0.0.1", { isTls: true });
  const shown = client("10.0.0.1", { isTls: true, hasCertificate: true });
  assert.equal(
    await bench.line("POST /reload", tls),
    "403 client certificate required",
  );
  assert.equal((await bench.ask("POST /reload", shown)).status, 202);
  assert.equal((await bench.ask("GET /cluster", tls)).status, 200);
});

Deno.test("access checks answer in order: address, certificate, password", async () => {
  const bench = new RestBench();
  bench.settings = {
    ...bench.settings,
    allowlist: await listed("10.0.0.1"),
    isClientCertificateWanted: true,
    credentials: { username: "u", password: "p" },
  };
  const line = (options: object) => bench.line("POST /reload", options);
  const near = client("10.0.0.1", { isTls: true });
  const shown = client("10.0.0.1", { isTls: true, hasCertificate: true });
  const far = client("10.0.0.2", { isTls: true });
  assert.equal(await line(far), "403 Access is denied");
  assert.equal(await line(near), "403 client certificate required");
  assert.equal(await line(shown), "401 no auth header received");
  assert.equal(
    await line({ ...shown, ...basic("u:x") }),
    "401 not authenticated",
  );
  assert.equal(
    await line({ ...shown, ...basic("u:p") }),
    "202 reload scheduled",
  );
});

Deno.test("only members, or who shows something better, are heard at /failsafe", async () => {
  const bench = new RestBench();
  // 502: it passed, and the mode is off.
  const status = async (address: string, more = {}) =>
    (await bench.ask("POST /failsafe", { ...client(address), ...more })).status;
  assert.equal(await status("10.0.0.1"), 502);
  assert.equal(await status("10.0.0.9"), 403);
  bench.api.failsafeMap = { n4: "http://10.0.0.9:8008/patroni" };
  assert.equal(await status("10.0.0.9"), 502);
  bench.api.failsafeMap = null;
  bench.settings = { ...bench.settings, allowlist: await listed("10.0.0.9") };
  assert.equal(await status("10.0.0.9"), 502);
  assert.equal(await status("10.0.0.1"), 403);
  const credentials = { username: "u", password: "p" };
  bench.settings = { ...bench.settings, allowlist: null, credentials };
  assert.equal(await status("10.0.0.9"), 401);
  assert.equal(await status("10.0.0.9", basic("u:p")), 502);
});
