/** The file that needs no server. */
import type { LabStore } from "./store.ts";

/** `--dcs sqlite`. */
export const SQLITE: LabStore = {
  name: "sqlite",
  what: "a file",
  needs: [],
  plan: ({ directory }) => ({
    section: { sqlite: { path: `${directory}/dcs.sqlite` } },
    ports: [],
    start: null,
  }),
};
