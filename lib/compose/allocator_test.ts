import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** Counts the arenas that threads got which began after the call. */
const PROGRAM = `
const { shareOneArena } = await import(Deno.args[0]);
shareOneArena();
const bytes = new Uint8Array(2 ** 23);
const work = () => crypto.subtle.digest("SHA-512", bytes);
await Promise.all(Array.from({ length: 16 }, work));
const library = Deno.dlopen("libc.so.6", {
  malloc_info: { parameters: ["i32", "pointer"], result: "i32" },
  fopen: { parameters: ["buffer", "buffer"], result: "pointer" },
  fclose: { parameters: ["pointer"], result: "i32" },
});
const text = (word) => new TextEncoder().encode(word + "\\0");
const { fopen, malloc_info, fclose } = library.symbols;
const file = fopen(text(Deno.args[1]), text("w"));
malloc_info(0, file);
fclose(file);
`;

async function arenas(env: Record<string, string>): Promise<number> {
  const file = await Deno.makeTempFile();
  try {
    const url = new URL("allocator.ts", import.meta.url);
    const program = `data:text/javascript,${encodeURIComponent(PROGRAM)}`;
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", program, url.href, file],
      cwd: fileURLToPath(new URL(".", url)),
      env,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const info = await Deno.readTextFile(file);
    return info.split("<heap nr=").length - 1;
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("threads that begin later share what there is, unless the operator said how many", async () => {
  const own = await arenas({});
  const asked = await arenas({ MALLOC_ARENA_MAX: "64" });
  assert.ok(own < asked, `${own} and ${asked}`);
});
