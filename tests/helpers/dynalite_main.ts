/**
 * dynalite as a process, with some of the options of its own.
 *
 * Left to itself it ends when a client hangs up in the middle of a request, as
 * every client of a server does that was frozen.
 */
import dynalite from "dynalite";
import process from "node:process";
import { parseArgs } from "node:util";

process.on("uncaughtException", (error) => {
  if (Reflect.get(error, "code") !== "ECONNRESET") throw error;
  console.error(`dynalite: a client has hung up: ${error.message}`);
});
const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "4567" },
    createTableMs: { type: "string", default: "0" },
  },
});
const createTableMs = Number(values.createTableMs);
dynalite({ createTableMs, deleteTableMs: 0, updateTableMs: 0 })
  .listen(Number(values.port), values.host);
