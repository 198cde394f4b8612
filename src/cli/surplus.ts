/**
 * How much more than any command needs a program was started with. Imports
 * nothing: every start asks.
 *
 * @module
 */

/** Whether a permission is there. */
export function granted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/** No command needs any of these: a scoped permission takes its place. */
const UNSCOPED: readonly Deno.PermissionDescriptor[] = [
  { name: "write", path: "/" },
  { name: "read", path: "/" },
  { name: "net" },
  { name: "run" },
  { name: "env" },
  { name: "sys" },
  { name: "import" },
  // A compiled program carries the helper: there is no path to name.
  ...Deno.build.standalone ? [] : [{ name: "ffi", path: "/" } as const],
];

/**
 * How much the program was started with: `some` unscoped permission, `all`
 * of them, or `none`. Scopes that somebody chose count as meant.
 */
export function unscoped(): "none" | "some" | "all" {
  const count = UNSCOPED.filter(granted).length;
  if (count === 0) return "none";
  return count === UNSCOPED.length ? "all" : "some";
}
