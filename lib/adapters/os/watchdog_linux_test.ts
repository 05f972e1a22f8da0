import assert from "node:assert/strict";
import { openSync, readSync } from "node:fs";
import { closeSync, constants } from "node:fs";
import { TestingDriver, WatchdogLinux } from "./watchdog_linux.ts";

/** A pipe and its reading end; all that was written so far, as text. */
async function withPipe(
  use: (path: string, written: () => string) => void,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "matriarch-watchdog-" });
  const path = `${directory}/watchdog`;
  const made = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.equal(made.code, 0);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    use(path, () => {
      const bytes = new Uint8Array(256);
      const length = readSync(reader, bytes);
      return new TextDecoder().decode(bytes.subarray(0, length));
    });
  } finally {
    closeSync(reader);
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("testing driver: timeout, keepalives and magic close are Patroni's bytes", async () => {
  await withPipe((path, written) => {
    const watchdog = new WatchdogLinux(path, new TestingDriver());
    assert.equal(watchdog.isUsable(), true);
    assert.deepEqual(watchdog.activate(15), { timeoutS: 15 });
    watchdog.keepalive();
    watchdog.keepalive();
    assert.deepEqual(watchdog.setTimeout(25), { timeoutS: 25 });
    watchdog.keepalive();
    watchdog.disable();
    assert.equal(watchdog.isActive, false);
    assert.equal(written(), "Ctimeout=15\n11Ctimeout=25\n1V");
  });
});

Deno.test("testing driver: disabling twice writes one magic close", async () => {
  await withPipe((path, written) => {
    const watchdog = new WatchdogLinux(path, new TestingDriver());
    watchdog.activate(15);
    watchdog.disable();
    watchdog.disable();
    assert.equal(written(), "Ctimeout=15\nV");
  });
});

Deno.test("testing driver: a pipe that nobody reads is refused, nothing hangs", async () => {
  const directory = await Deno.makeTempDir({ prefix: "matriarch-watchdog-" });
  try {
    const path = `${directory}/watchdog`;
    await new Deno.Command("mkfifo", { args: [path] }).output();
    const watchdog = new WatchdogLinux(path, new TestingDriver());
    assert.throws(() => watchdog.activate(15), /ENXIO/);
    assert.equal(watchdog.isActive, false);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("kernel driver: a missing device is refused in one sentence", () => {
  const watchdog = new WatchdogLinux("/dev/matriarch-no-such-device");
  assert.equal(watchdog.isUsable(), false);
  assert.throws(() => watchdog.activate(15), {
    name: "WatchdogError",
    message:
      "Cannot use /dev/matriarch-no-such-device as watchdog: there is no such device",
  });
});

Deno.test("kernel driver: an ordinary file is refused and stays as it is", async () => {
  const path = await Deno.makeTempFile({ prefix: "matriarch-watchdog-" });
  try {
    await Deno.writeTextFile(path, "precious");
    const watchdog = new WatchdogLinux(path);
    assert.throws(() => watchdog.activate(15), /no character device/);
    assert.equal(await Deno.readTextFile(path), "precious");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("kernel driver: a character device that is no watchdog is refused by its ioctl", () => {
  const watchdog = new WatchdogLinux("/dev/null");
  assert.throws(
    () => watchdog.activate(15),
    /Cannot ask the watchdog what it is: ENOTTY \(not a watchdog\)/,
  );
  assert.equal(watchdog.isActive, false);
  assert.throws(() => watchdog.keepalive(), /is not open/);
});

Deno.test("kernel driver: a terminal is refused and nothing is written to it", async () => {
  // script(1) gives its command a terminal; what the command writes comes back.
  const code = `
    import { WatchdogLinux } from ${
    JSON.stringify(new URL("./watchdog_linux.ts", import.meta.url).href)
  };
    try { new WatchdogLinux("/dev/tty").activate(15); } catch (e) { console.log("refused", e.message); }
  `;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, code);
    const { stdout } = await new Deno.Command("script", {
      args: [
        "-qec",
        `${Deno.execPath()} run --allow-all --no-check --quiet ${file}`,
        "/dev/null",
      ],
      stdin: "null",
    }).output();
    assert.match(
      new TextDecoder().decode(stdout).trim(),
      /^refused Cannot ask the watchdog what it is: ENOTTY/,
    );
  } finally {
    await Deno.remove(file);
  }
});
