/** The same as in `lib/compose/runtime_flags.ts`, for what is built and started here. */
export const ENGINE_FLAGS =
  "--v8-flags=--no-memory-reducer,--expose-gc,--no-sparkplug,--max-semi-space-size=1";
