/**
 * `house/class-limits`: how much a class may offer and how much it may remember.
 * What is larger is two things: give the second one a class of its own.
 */

import { housePath, isTest } from "./house.ts";

const PUBLIC_METHODS_MAX = 10;
const MUTABLE_FIELDS_MAX = 6;

/** What a class has. */
interface Size {
  readonly methods: number;
  readonly fields: number;
}

/**
 * Classes from before this rule that are still larger. A number here may only go
 * down: the rule reports a class that has become smaller than its row, too.
 */
const LARGER: Readonly<Record<string, Partial<Size>>> = {
  // One state machine of one socket, on the path of each packet: its fields are
  // one state, and parts would call each other for each packet.
  "proxy/native/relay_side.ts": { methods: 14, fields: 11 },
};

type Member = Deno.lint.ClassBody["body"][number];

function nameOf(key: Deno.lint.Expression | Deno.lint.PrivateIdentifier) {
  return key.type === "Identifier" ? key.name : null;
}

/** Methods and accessors that others can call; a getter and its setter are one. */
function publicMethods(members: readonly Member[]): ReadonlySet<string> {
  return new Set(members.flatMap((member) => {
    const isPublic = member.type === "MethodDefinition" &&
      member.kind !== "constructor" &&
      member.key.type !== "PrivateIdentifier" &&
      (member.accessibility ?? "public") === "public";
    const name = isPublic ? nameOf(member.key) : null;
    return isPublic ? [name ?? "[computed]"] : [];
  }));
}

function mutableFields(members: readonly Member[]): number {
  return members.filter((member) =>
    member.type === "PropertyDefinition" && !member.readonly && !member.static
  ).length;
}

function verdictOf(
  what: string,
  sizes: { readonly has: number; readonly max: number; readonly known: number },
): string | null {
  const { has, max, known } = sizes;
  if (has > Math.max(max, known)) {
    return `A class has at most ${max} ${what}, this has ${has}: give a part ` +
      "of them a class of its own";
  }
  return known > max && has < known
    ? `This class has only ${has} ${what} now: lower or remove its row in ` +
      "scripts/lint/class_limits.ts"
    : null;
}

/** See the head of this file. */
export const classLimits: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const path = housePath(ctx.filename);
    if (isTest(path)) return {};
    const known = LARGER[path] ?? {};
    // A file of the list may hold small classes beside the large one.
    const largest = { methods: 0, fields: 0 };
    return {
      ClassBody: (node) => {
        const methods = publicMethods(node.body).size;
        const fields = mutableFields(node.body);
        largest.methods = Math.max(largest.methods, methods);
        largest.fields = Math.max(largest.fields, fields);
      },
      "Program:exit": (node) => {
        const verdicts = [
          verdictOf("public methods", {
            has: largest.methods,
            max: PUBLIC_METHODS_MAX,
            known: known.methods ?? 0,
          }),
          verdictOf("fields that change", {
            has: largest.fields,
            max: MUTABLE_FIELDS_MAX,
            known: known.fields ?? 0,
          }),
        ];
        for (const message of verdicts) {
          if (message !== null) ctx.report({ node, message });
        }
      },
    };
  },
};
