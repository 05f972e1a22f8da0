import assert from "node:assert/strict";
import { formatConninfo, parseConninfo } from "./conninfo.ts";

Deno.test("formatConninfo() keeps libpq's order and escapes values", () => {
  const text = formatConninfo({
    sslmode: "prefer",
    host: "a b",
    user: "o'neil\\x",
    port: "5432",
    sslcert: "",
  }, 15);
  assert.equal(
    text,
    "user=o\\'neil\\\\x host=a\\ b port=5432 sslmode=prefer sslcert=''",
  );
});

Deno.test("formatConninfo() leaves out what the version does not know", () => {
  const conninfo = { channel_binding: "prefer", sslnegotiation: "postgres" };
  assert.equal(formatConninfo(conninfo, 16), "channel_binding=prefer");
  assert.equal(
    formatConninfo(conninfo, 17),
    "channel_binding=prefer sslnegotiation=postgres",
  );
});

Deno.test("parseConninfo() reads back what formatConninfo() wrote", () => {
  const conninfo = { user: "o'neil \\x", passfile: "/a b/c", port: "1" };
  assert.deepEqual(parseConninfo(formatConninfo(conninfo, 17)), conninfo);
  assert.deepEqual(parseConninfo("host='x y' port = 5 user=''"), {
    host: "x y",
    port: "5",
    user: "",
  });
  assert.deepEqual(parseConninfo("postgres://h/db"), {});
});
