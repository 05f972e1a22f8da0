/**
 * How the C library hands out memory in a program that stays. By itself it keeps
 * an arena for nearly every thread, up to eight per processor, and each holds
 * pages that are partly in use after the start: 3 to 4 MB of an agent on two
 * processors. One arena is enough for threads that seldom allocate: what moves
 * clients' bytes never does.
 *
 * Source: mallopt(3), M_ARENA_MAX; glibc's malloc.h for its number.
 */

const M_ARENA_MAX = -8;

const SYMBOLS = {
  mallopt: { parameters: ["i32", "i32"], result: "i32" },
} as const;

/** For threads that begin later: call it before the program's code is loaded. */
export function shareOneArena(): void {
  // The operator has decided.
  if (Deno.env.has("MALLOC_ARENA_MAX")) return;
  try {
    const library = Deno.dlopen("libc.so.6", SYMBOLS);
    library.symbols.mallopt(M_ARENA_MAX, 1);
    library.close();
  } catch {
    // Another C library, which does as it likes.
  }
}
