/**
 * dynalite as a process: the port, then how long a table is being made.
 *
 * Left to itself it ends when a client hangs up in the middle of a request, as
 * every client of a server does that was frozen.
 */
import dynalite from "dynalite";
import process from "node:process";

process.on("uncaughtException", (error) => {
  if (Reflect.get(error, "code") !== "ECONNRESET") throw error;
  console.error(`dynalite: a client has hung up: ${error.message}`);
});
const [port, createTableMs] = Deno.args.map(Number);
dynalite({ createTableMs, deleteTableMs: 0, updateTableMs: 0 })
  .listen(port, "127.0.0.1");
