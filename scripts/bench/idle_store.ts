/** What an etcd says of the calls that it has begun to serve. */
import type { LabPlan } from "../../lib/lab/plan.ts";
import { isForClients } from "../../lib/lab/stores/etcd.ts";

/** `unary Range`, `bidi_stream LeaseKeepAlive`...: messages received so far. */
export type EtcdCalls = ReadonlyMap<string, number>;

const LINE =
  /^grpc_server_msg_received_total\{grpc_method="(\w+)",.*grpc_type="(\w+)"\} ([0-9.e+]+)$/gm;

/** Reads etcd's metrics page. */
export function parseEtcdCalls(text: string): EtcdCalls {
  const calls = new Map<string, number>();
  for (const [, method = "", type = "", count] of text.matchAll(LINE)) {
    const name = `${type} ${method}`;
    calls.set(name, (calls.get(name) ?? 0) + Number(count));
  }
  return calls;
}

/** All nodes of a plan's etcd together. */
export async function etcdCalls({ store }: LabPlan): Promise<EtcdCalls> {
  const sums = new Map<string, number>();
  for (const { port } of store.ports.filter(isForClients)) {
    const url = `http://127.0.0.1:${port}/metrics`;
    const text = await (await fetch(url)).text();
    for (const [name, count] of parseEtcdCalls(text)) {
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  return sums;
}
