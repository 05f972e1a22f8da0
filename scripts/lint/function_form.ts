/**
 * `house/function-form`: functions at the top of a file are declarations, and
 * exported ones say what they return. Arrows are for callbacks inside.
 */

type Statement = Deno.lint.Program["body"][number];

function isFunctionValue(node: Deno.lint.Node | null): boolean {
  return node?.type === "ArrowFunctionExpression" ||
    node?.type === "FunctionExpression";
}

/** The variables that `statement` declares, exported or not. */
function variablesOf(
  statement: Statement,
): readonly Deno.lint.VariableDeclarator[] {
  const declaration = statement.type === "ExportNamedDeclaration"
    ? statement.declaration
    : statement;
  return declaration?.type === "VariableDeclaration"
    ? declaration.declarations
    : [];
}

/** Functions at the top of a file are declarations; exported ones say what they return. */
export const functionForm: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    return {
      Program: (program) => {
        for (const statement of program.body) {
          for (const variable of variablesOf(statement)) {
            if (!isFunctionValue(variable.init)) continue;
            ctx.report({
              node: variable,
              message: "A function at the top of a file is a declaration: " +
                "write `function name() {}`",
            });
          }
        }
      },
      ExportNamedDeclaration: (node) => {
        const declared = node.declaration;
        if (declared?.type !== "FunctionDeclaration") return;
        if (declared.returnType) return;
        ctx.report({
          node: declared,
          message: "An exported function says what it returns: write " +
            "`export function name(): Type`",
        });
      },
    };
  },
};
