/**
 * A slow wire, for kernels without netem: two TAP devices in this network
 * namespace, and every frame that comes out of one goes into the other.
 * Frames from `in-HOST` to `late-HOST` are kept for a while, the others not.
 * The devices vanish with this process. Runs until it is ended.
 *
 *     delayer.ts IN LATE MILLISECONDS
 *
 * Source: Linux, Documentation/networking/tuntap.rst; `linux/if_tun.h`.
 */
const TUNSETIFF = 0x4004_54ca;
/** IFF_TAP | IFF_NO_PI. */
const TAP_FLAGS = 0x1002;
const IFREQ_BYTES = 40;
const IFREQ_FLAGS_AT = 16;
const O_RDWR = 2;
/** More than the largest frame on a link with an MTU of 1500. */
const FRAME_BYTES = 65_536;

const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  read: {
    parameters: ["i32", "buffer", "u64"],
    result: "i64",
    nonblocking: true,
  },
  write: { parameters: ["i32", "buffer", "u64"], result: "i64" },
});

function openTap(name: string): number {
  const bytes = new TextEncoder();
  const path = bytes.encode("/dev/net/tun\0");
  const fd = libc.symbols.open(path, O_RDWR);
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(bytes.encode(name));
  new DataView(request.buffer).setUint16(IFREQ_FLAGS_AT, TAP_FLAGS, true);
  const made = libc.symbols.ioctl(fd, BigInt(TUNSETIFF), request);
  if (fd < 0 || made < 0) throw new Error(`Cannot make the device ${name}`);
  return fd;
}

/** A device that is not up yet refuses to be read; that passes. */
async function forward(from: number, to: number, ms: number): Promise<never> {
  const buffer = new Uint8Array(FRAME_BYTES);
  for (;;) {
    const length = Number(
      await libc.symbols.read(from, buffer, BigInt(FRAME_BYTES)),
    );
    if (length <= 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      continue;
    }
    const frame = buffer.slice(0, length);
    const send = () => libc.symbols.write(to, frame, BigInt(length));
    if (ms === 0) send();
    else setTimeout(send, ms);
  }
}

if (import.meta.main) {
  const [near = "", late = "", ms = ""] = Deno.args;
  const nearFd = openTap(near);
  const lateFd = openTap(late);
  await Promise.all([
    forward(nearFd, lateFd, Number(ms)),
    forward(lateFd, nearFd, 0),
  ]);
}
