/**
 * Namespaces of System V segments, where no other test's are; with a network of
 * their own, because partitions are found by their sockets, too.
 * @module
 */

/** How to get one of one's own; `undefined` where nobody may. */
export function namespace(): string[] | undefined {
  return [["--ipc", "--net"], ["-r", "--ipc", "--net"]].find((flags) => {
    try {
      return new Deno.Command("unshare", {
        args: [...flags, "true"],
        stderr: "null",
      }).outputSync().success;
    } catch {
      return false;
    }
  });
}
