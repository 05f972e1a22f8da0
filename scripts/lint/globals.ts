/**
 * Tells a use of a global name from a property, key or member that only
 * happens to have the same name. Shared by the rules that ban globals.
 */

function isSame(a: Deno.lint.Node, b: Deno.lint.Node): boolean {
  return a.range[0] === b.range[0] && a.range[1] === b.range[1];
}

/** Whether `node` only names a member (`x.Date`, `{ Date: 1 }`). */
function isMemberName(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  switch (parent.type) {
    case "MemberExpression":
      return !parent.computed && isSame(parent.property, node);
    case "Property":
    case "PropertyDefinition":
    case "MethodDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return isSame(parent.key, node) && !isShorthand(parent);
    case "TSQualifiedName":
      return isSame(parent.right, node);
    default:
      return false;
  }
}

function isShorthand(node: Deno.lint.Node): boolean {
  return node.type === "Property" && node.shorthand;
}

/**
 * The global that `node` uses: its name, or `Name.member` for a member of it.
 *
 * @returns null if `node` is only the name of a member of something else.
 */
export function globalUse(
  node: Deno.lint.Identifier,
): { readonly name: string; readonly member: string | null } | null {
  if (isMemberName(node)) return null;
  const parent = node.parent;
  const member = parent.type === "MemberExpression" && !parent.computed &&
      parent.property.type === "Identifier"
    ? parent.property.name
    : null;
  return { name: node.name, member };
}
