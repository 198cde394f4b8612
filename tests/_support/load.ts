/**
 * Loads the libraries when a test file is imported: loaded inside a test they
 * would count as its leak, since they stay open for the life of the process.
 * @module
 */

import { bindAll } from "../../ffi/helper.ts";
import { processExists } from "../../ffi/libc.ts";

bindAll();
processExists(Deno.pid);
