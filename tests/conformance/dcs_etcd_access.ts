/** Certificates and users for an etcd under test. */
import assert from "node:assert/strict";

/** Paths of PEM files. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Who signs a certificate. */
interface Signer extends KeyPair {
  /** What else it is good for, as openssl has it: `,DNS:a`. */
  readonly alsoFor?: string;
}

/** A certificate for 127.0.0.1, signed by `ca` or by itself. */
export async function certificate(
  directory: string,
  name: string,
  ca: Signer | null,
): Promise<KeyPair> {
  const pair = {
    cert: `${directory}/${name}.pem`,
    key: `${directory}/${name}.key`,
  };
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${name}`, "-keyout", pair.key, "-out", pair.cert],
      ...["-addext", `subjectAltName=IP:127.0.0.1${ca?.alsoFor ?? ""}`],
      ...(ca === null ? [] : [
        "-CA",
        ca.cert,
        "-CAkey",
        ca.key,
        "-addext",
        "basicConstraints=CA:FALSE",
      ]),
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return pair;
}

/** Users `root:secret`, and `agent:pass` for the keys of the scope. */
export async function enableAuth(
  endpoints: readonly string[],
  scopePath: string,
): Promise<void> {
  await etcdctl(endpoints, ["user", "add", "root:secret"]);
  await etcdctl(endpoints, ["user", "grant-role", "root", "root"]);
  await etcdctl(endpoints, ["user", "add", "agent:pass"]);
  await etcdctl(endpoints, ["role", "add", "agents"]);
  const grant = ["role", "grant-permission", "agents", "--prefix=true"];
  await etcdctl(endpoints, [...grant, "readwrite", `${scopePath}/`]);
  await etcdctl(endpoints, ["user", "grant-role", "agent", "agents"]);
  await etcdctl(endpoints, ["auth", "enable"]);
}

/** Runs etcd's own tool. */
export async function etcdctl(
  endpoints: readonly string[],
  args: readonly string[],
): Promise<void> {
  const { success, stderr } = await new Deno.Command("etcdctl", {
    args: [`--endpoints=${endpoints.join(",")}`, ...args],
    env: { ETCDCTL_API: "3" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
