export { Stream } from "./src/stream/stream.ts";
export { SystemError } from "./ffi/errno.ts";
