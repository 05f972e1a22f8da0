import assert from "node:assert/strict";
import { listenToSignals } from "./signals.ts";

Deno.test("listenToSignals() calls the handler and survives its failure", async () => {
  const caught = Promise.withResolvers<unknown>();
  const stop = listenToSignals(["SIGHUP"], {
    onSignal: (signal) => Promise.reject(new Error(signal)),
    onError: caught.resolve,
  });
  // A listener does not keep the event loop running; this does.
  const keptAlive = setInterval(() => {}, 1000);
  try {
    Deno.kill(Deno.pid, "SIGHUP");
    const error = await caught.promise;
    assert.ok(error instanceof Error);
    assert.equal(error.message, "SIGHUP");
  } finally {
    clearInterval(keptAlive);
    stop();
  }
});
