import { lab } from "./lab.ts";
Deno.exit(await lab(Deno.args));
