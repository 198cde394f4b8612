/**
 * Lint rule: only `ffi/` may name `Deno.dlopen` or `Deno.Unsafe*`.
 * @module
 */

const DOOR = /\/ffi\/[^/]+\.ts$/;
const FORBIDDEN = /^(dlopen|Unsafe\w+)$/;

const plugin: Deno.lint.Plugin = {
  name: "shmim",
  rules: {
    "native-door": {
      create(context): Deno.lint.LintVisitor {
        if (DOOR.test(context.filename)) return {};
        return {
          MemberExpression(node): void {
            const { object, property } = node;
            if (
              object.type === "Identifier" && object.name === "Deno" &&
              property.type === "Identifier" && FORBIDDEN.test(property.name)
            ) {
              context.report({
                node,
                message: `Deno.${property.name} outside ffi/`,
                hint: "Only ffi/ opens the door to native code: call it there",
              });
            }
          },
        };
      },
    },
  },
};

export default plugin;
