/** The version of shmim; a test holds it against `deno.json`. @module */

/** Version. */
export const VERSION = "0.1.0";
