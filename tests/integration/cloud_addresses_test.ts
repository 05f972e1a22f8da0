/**
 * The example programs of docs/cloud_addresses, with command lines of clouds that
 * are played: they write down how they are called, and know who has the address.
 */
import assert from "node:assert/strict";
import { VipExec } from "../../lib/adapters/os/vip_exec.ts";
import { after } from "../../lib/core/base/units.ts";
import { BARE_VIP, NO_INTERFACE, type Vip } from "../../lib/core/model/vip.ts";
import { KeptLog, RealClock, until } from "../helpers/tcp.ts";

const PROGRAMS = new URL("../../docs/cloud_addresses/", import.meta.url);

/** Refuses what it does not know, as the real ones do. */
const AWS = `#!/bin/sh
dir=$(dirname "$0")
echo "$*" >> "$dir/calls"
[ "$1 $3 $5" = "--cli-connect-timeout --cli-read-timeout --output" ] || exit 252
shift 6
[ "$1" = ec2 ] || exit 252
case $2 in
assign-private-ip-addresses)
  [ "$3 $4 $6" = "--allow-reassignment --network-interface-id --private-ip-addresses" ] || exit 252
  echo "$7 $5" > "$dir/owner" ;;
describe-network-interfaces)
  [ "$3" = --network-interface-ids ] || exit 252
  printf '10.0.0.1%s\\t' "\${4#eni-}"
  read -r ip eni < "$dir/owner" && [ "$eni" = "$4" ] && printf '%s' "$ip"
  echo ;;
unassign-private-ip-addresses)
  [ "$3 $5" = "--network-interface-id --private-ip-addresses" ] || exit 252
  read -r ip eni < "$dir/owner"
  [ "$eni" = "$4" ] || { echo "InvalidParameterValue" >&2; exit 254; }
  : > "$dir/owner" ;;
*) exit 252 ;;
esac
`;

const HCLOUD = `#!/bin/sh
dir=$(dirname "$0")
echo "$*" >> "$dir/calls"
case "$1 $2" in
"floating-ip list") printf '7   10.0.0.99\\n42  10.0.0.9\\n' ;;
"floating-ip assign") [ "$3" = 42 ] && echo "10.0.0.9 $4" > "$dir/owner" ;;
*) exit 1 ;;
esac
`;

/** A host of the cloud. */
class CloudHost implements AsyncDisposable {
  readonly log = new KeptLog();
  readonly carrier: VipExec;
  readonly vip: Vip;
  readonly #clock = new RealClock();

  constructor(program: string, folder: string, variable: string) {
    const { log } = this;
    this.carrier = new VipExec({
      ...{ clock: this.#clock, log },
      hooks: { moved: () => {} },
    });
    const path = new URL(program, PROGRAMS).pathname;
    const env = ["/usr/bin/env", `PATH=${folder}:/usr/bin:/bin`, variable];
    this.vip = {
      ...{ address: "10.0.0.9", prefixLength: 32, interface: NO_INTERFACE },
      ...{ role: "primary", gateway: null, isReplicaFallback: false },
      ...{ announceEveryMs: null, ...BARE_VIP },
      exec: {
        words: [...env, "AWS_REGION=eu-central-1", path],
        timeoutMs: 8_000,
      },
    };
  }

  carry(): void {
    const until = after(this.#clock.now(), 60_000);
    const { vip } = this;
    this.carrier.reconcile([{ vip, part: { kind: "carry", until } }]);
  }

  says(what: string): () => boolean {
    return () => this.log.lines.some((line) => line.includes(what));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.carrier.close();
  }
}

/** A test with a cloud's command line, and its two hosts. */
function testCloud(
  name: string,
  { program, fake, variables }: {
    readonly program: string;
    readonly fake: { readonly name: string; readonly text: string };
    readonly variables: readonly [string, string];
  },
  body: (scene: {
    readonly one: CloudHost;
    readonly two: CloudHost;
    readonly owner: () => string;
    readonly calls: () => string;
  }) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-cloud-" });
    const path = `${folder}/${fake.name}`;
    await Deno.writeTextFile(path, fake.text, { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/owner`, "");
    try {
      const [first, second] = variables;
      await using one = new CloudHost(program, folder, first);
      await using two = new CloudHost(program, folder, second);
      const read = (file: string): string =>
        Deno.readTextFileSync(`${folder}/${file}`).trim();
      await body({
        ...{ one, two },
        owner: () => read("owner"),
        calls: () => read("calls"),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

testCloud(
  "the example for AWS takes an address by force, and gives up only its own",
  {
    program: "aws",
    fake: { name: "aws", text: AWS },
    variables: ["ENI=eni-1", "ENI=eni-2"],
  },
  async ({ one, two, owner, calls }) => {
    one.carry();
    await until("one has it", one.says("is acquired"), () => one.log.lines);
    assert.equal(owner(), "10.0.0.9 eni-1");
    // The host of before is cut off, and cannot release.
    two.carry();
    await until("two has it", two.says("is acquired"), () => two.log.lines);
    assert.equal(owner(), "10.0.0.9 eni-2");
    // When it can again, it takes it from nobody.
    await one.carrier.dropAll([one.vip]);
    await until("one is done", one.says("is released"), () => one.log.lines);
    assert.equal(owner(), "10.0.0.9 eni-2");
    await two.carrier.dropAll([two.vip]);
    await until("two is done", two.says("is released"), () => two.log.lines);
    assert.equal(owner(), "");
    assert.match(
      calls(),
      /ec2 assign-private-ip-addresses --allow-reassignment --network-interface-id eni-2 --private-ip-addresses 10\.0\.0\.9/,
    );
  },
);

testCloud(
  "the example for Hetzner takes a floating IP by force, and leaves it to who has it",
  {
    program: "hetzner",
    fake: { name: "hcloud", text: HCLOUD },
    variables: ["SERVER=db1", "SERVER=db2"],
  },
  async ({ one, two, owner }) => {
    one.carry();
    await until("one has it", one.says("is acquired"), () => one.log.lines);
    assert.equal(owner(), "10.0.0.9 db1");
    two.carry();
    await until("two has it", two.says("is acquired"), () => two.log.lines);
    await one.carrier.dropAll([one.vip]);
    await until("one is done", one.says("is released"), () => one.log.lines);
    assert.equal(owner(), "10.0.0.9 db2");
  },
);
