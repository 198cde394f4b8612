/**
 * Run with the permissions of a command: tries what no command may do, or
 * only some, and prints what was possible. Its arguments: a stream's file, a
 * folder elsewhere, a port that listens and another one.
 */

import { OpenFile, removeFile, renameFile } from "../../ffi/files.ts";
import { makeLink } from "../../ffi/links.ts";

const [stream = "", elsewhere = "", port = "", other = ""] = Deno.args;
const possible: string[] = [];

async function attempt(name: string, what: () => unknown): Promise<void> {
  try {
    const made = await what();
    possible.push(name);
    (made as { close?: () => void } | undefined)?.close?.();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return;
    possible.push(`${name}: ${error}`);
  }
}

const folder = stream.replace(/\/[^/]*$/, "");
const link = `${elsewhere}/link`;
for (const dir of [folder, elsewhere]) {
  const where = dir === folder ? "here" : "elsewhere";
  const made = `${dir}/probe`;
  await attempt(`write ${where}`, () => Deno.writeTextFileSync(made, "x"));
  await attempt(
    `helper creates ${where}`,
    () => OpenFile.create(`${made}.im.shm`, { mode: 0o600, bytes: 16 }),
  );
  await attempt(`helper links ${where}`, () => makeLink("x", `${made}.link`));
}
await attempt(
  "helper opens a link to elsewhere",
  () => OpenFile.open(link, { writable: false }),
);
const writable = { writable: true };
await attempt("helper opens", () => OpenFile.open(stream, writable));
await attempt("helper renames", () => renameFile(stream, `${stream}.away`));
await attempt("helper removes", () => removeFile(`${folder}/spare.im.shm`));
const hostname = "127.0.0.1";
const tcp = (at: string) => (): Promise<Deno.Conn> =>
  Deno.connect({ hostname, port: Number(at) });
await attempt("connect", tcp(port));
await attempt("connect to another port", tcp(other));
await attempt(
  "connect to another host",
  () => Deno.connect({ hostname: "127.0.0.2", port: Number(port) }),
);
await attempt("listen", () => Deno.listen({ hostname, port: 0 }));
await attempt("listen on all", () => Deno.listen({ port: 0 }));
await attempt(
  "listen on UDP",
  () => Deno.listenDatagram({ hostname, port: 0, transport: "udp" }),
);
await attempt(
  "listen on a path",
  () => Deno.listen({ path: `${folder}/socket`, transport: "unix" }),
);
await attempt(
  "load another library",
  // deno-lint-ignore shmim/native-door
  () => Deno.dlopen("/lib/x86_64-linux-gnu/libm.so.6", {}),
);
await attempt("run", () => new Deno.Command("true").outputSync());
await attempt("sys", () => Deno.hostname());
await attempt("env", () => Deno.env.get("HOME"));
// deno-lint-ignore no-console
console.log(JSON.stringify(possible));
