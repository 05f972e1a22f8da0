/**
 * The house's own lint rules, loaded by `deno lint` through deno.json. One
 * rule per file; this file only lists them.
 */

import { agentClock } from "./agent_clock.ts";
import { boundedTimers } from "./bounded_timers.ts";
import { classLimits } from "./class_limits.ts";
import { corePurity } from "./core_purity.ts";
import { functionForm } from "./function_form.ts";
import { importLaw } from "./import_law_rule.ts";
import { namedExports } from "./named_exports.ts";
import { noBooleanParameters } from "./no_boolean_parameters.ts";
import { plainTypes } from "./plain_types.ts";
import { rowsPerSection } from "./rows_per_section.ts";
import { sizeLimits } from "./size_limits.ts";

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "agent-clock": agentClock,
    "bounded-timers": boundedTimers,
    "class-limits": classLimits,
    "core-purity": corePurity,
    "function-form": functionForm,
    "import-law": importLaw,
    "named-exports": namedExports,
    "no-boolean-parameters": noBooleanParameters,
    "plain-types": plainTypes,
    "rows-per-section": rowsPerSection,
    "size-limits": sizeLimits,
  },
};

export default plugin;
