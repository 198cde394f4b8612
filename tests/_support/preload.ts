/**
 * Before any test, in the process of all of them: see load.ts. The first test
 * would be blamed for what stays open.
 * @module
 */

import "./load.ts";
