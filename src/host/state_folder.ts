/** Where bridges and daemons of this user keep their state. @module */

import { variable } from "../../ffi/access.ts";
import { currentUser } from "../../ffi/segment.ts";

/** The variable that names the folder. */
export const STATE_VARIABLE = "SHMIM_STATE_DIR";

/** `$SHMIM_STATE_DIR`, else `/tmp/shmim-UID`. */
export function stateFolder(): string {
  return variable(STATE_VARIABLE) || `/tmp/shmim-${currentUser()}`;
}
