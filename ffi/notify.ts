/** How a service tells systemd how it is. @module */

import { requireWrite } from "./access.ts";
import { check } from "./errno.ts";
import { cString, helper } from "./helper.ts";

/**
 * Sends a state (`READY=1`) to the socket that systemd names in
 * `$NOTIFY_SOCKET`. Permissions: write of that path.
 *
 * @param path The socket; one that begins with `@` is no file.
 * @param state Lines of `NAME=VALUE`.
 */
export function notify(path: string, state: string): void {
  if (!path.startsWith("@")) requireWrite(path);
  const text = new TextEncoder().encode(state);
  check(
    helper().shmim_notify(cString(path), text, BigInt(text.length)),
    `tell "${path}"`,
  );
}
