/**
 * Ports for servers that tests start. Below those that the kernel gives to
 * outgoing connections, which would take them meanwhile, and counted through a
 * file, so that files that run beside each other get different ones. Root and
 * ordinary users each have a file and a range.
 */

const HOST = "127.0.0.1";
const IS_ROOT = Deno.uid() === 0;
const PORT_MIN = IS_ROOT ? 12_000 : 20_000;
const PORT_MAX = IS_ROOT ? 19_999 : 31_999;
const COUNTER = `/tmp/matriarch-test-ports-${Deno.uid()}`;

/** A port nobody listens on. */
export function freePort(): number {
  return freePorts(1)[0] ?? 0;
}

/** So many different ones. */
export function freePorts(count: number): readonly number[] {
  using file = Deno.openSync(COUNTER, {
    read: true,
    write: true,
    create: true,
  });
  file.lockSync(true);
  const bytes = new Uint8Array(16);
  const length = file.readSync(bytes) ?? 0;
  const text = new TextDecoder().decode(bytes.subarray(0, length));
  // A root of its own (`test:versions`) has a counter of its own, too.
  let last = text === "" ? somewhere() : Number(text);
  const ports: number[] = [];
  while (ports.length < count) {
    last = last >= PORT_MIN && last < PORT_MAX ? last + 1 : PORT_MIN;
    if (isFree(last)) ports.push(last);
  }
  file.truncateSync();
  file.seekSync(0, Deno.SeekMode.Start);
  file.writeSync(new TextEncoder().encode(String(last)));
  return ports;
}

function somewhere(): number {
  return PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: HOST, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
