/**
 * Loads the native libraries before any test: they stay for the life of the
 * process, and the first test would be blamed for them.
 * @module
 */

import { bindAll } from "../../ffi/helper.ts";
import { processExists } from "../../ffi/libc.ts";

bindAll();
processExists(Deno.pid);
