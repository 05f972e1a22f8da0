/**
 * Reads what a server sends during authentication, before the driver does: a
 * server that is not the expected one must not get a password by asking for it
 * in the clear, and one that can not prove that it knows it must not be believed.
 *
 * Source: PostgreSQL 17 manual, "Message Formats", Authentication...
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { WeakMethod } from "../../../core/base/libpq_options.ts";

const REQUEST = 0x52;
const METHODS: ReadonlyMap<number, WeakMethod> = new Map([
  [3, "password"],
  [5, "md5"],
]);
const OK = 0;
const SASL = 10;
const SASL_FINAL = 12;
/** What comes before the end of the authentication is short. */
const BYTES_MAX = 65_536;

/** Refused by us, not by the server. */
const AUTH_REFUSED = "AUTH_REFUSED";

/**
 * Watches `socket` until the server has let us in; on a request that is not
 * answered the connection is destroyed with an error that says so.
 *
 * @returns Whether the driver may still have the password.
 */
export function guardPassword(
  socket: Socket,
  isAnswered: (method: WeakMethod) => boolean,
): () => boolean {
  let rest = Buffer.alloc(0);
  let isSafe = true;
  let sasl: "none" | "begun" | "proven" = "none";
  const refuse = (text: string): void => {
    isSafe = false;
    socket.off("data", look);
    socket.destroy(Object.assign(new Error(text), { code: AUTH_REFUSED }));
  };
  /** True: watching is over. */
  const judge = (message: Buffer): boolean => {
    if (message[0] !== REQUEST) return message[0] === 0x45;
    const code = message.readUInt32BE(5);
    const method = METHODS.get(code);
    if (code === SASL) sasl = "begun";
    if (code === SASL_FINAL) sasl = "proven";
    if (method !== undefined && !isAnswered(method)) {
      const what = method === "md5" ? "an md5 hash of it" : "in clear text";
      refuse(
        `The server asks for the password ${what}, which is not answered ` +
          `unless require_auth has "${method}"`,
      );
    } else if (code === OK && sasl === "begun") {
      refuse("The server did not prove that it knows the password");
    }
    return code === OK;
  };
  const look = (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    while (isSafe && rest.length >= 5) {
      const length = rest.readUInt32BE(1) + 1;
      if (length < 5 || length > BYTES_MAX) {
        return refuse("The server does not speak PostgreSQL's protocol");
      }
      if (rest.length < length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      const isShort = message[0] === REQUEST && length < 9;
      if (isShort) return refuse("The server sent a broken message");
      if (judge(message)) return void socket.off("data", look);
    }
  };
  socket.on("data", look);
  return () => isSafe;
}
