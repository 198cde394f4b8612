/** The version of shmim, which stands in `deno.json`. @module */

import config from "../../deno.json" with { type: "json" };

/** Version. */
export const VERSION: string = config.version;
