/**
 * What the JavaScript engine is told, wherever this program is started: it does
 * not look for garbage while the program rests, which took most of the
 * processor time of an idle agent. Instead the programs that stay say when
 * (`lib/adapters/os/memory.ts`).
 */
export const ENGINE_FLAGS = "--v8-flags=--no-memory-reducer,--expose-gc";
