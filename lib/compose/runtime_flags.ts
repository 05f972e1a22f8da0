/**
 * What the JavaScript engine is told, wherever this program is started: it does
 * not look for garbage while the program rests, which took most of the
 * processor time of an idle agent. Instead the programs that stay say when
 * (`lib/adapters/os/memory.ts`). It makes no quick machine code either: that
 * stays for good, 1 to 2 MB of each process, for functions that run once in a
 * cycle. What is busy gets optimised code all the same. And its space for young
 * objects stays at 1 MB: a start, or a burst of clients, lets it grow in each
 * thread, and for good: 6 MB of a proxy with 1,000 sessions.
 */
export const ENGINE_FLAGS =
  "--v8-flags=--no-memory-reducer,--expose-gc,--no-sparkplug,--max-semi-space-size=1";
