/** The name under which a link goes over the wire. */

import { assertEquals } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { HANDSHAKE, Recorder, Transmitting } from "../_support/bridge.ts";
import { Folder } from "../_support/cli.ts";

Deno.test("transmit of a link sends the link's name, not its source's", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  cam.write(new Uint16Array(12).fill(1));
  Deno.symlinkSync("cam.im.shm", folder.stream("aol8_wfsim"));
  await using recorder = new Recorder();
  await using _transmitting = new Transmitting(
    folder,
    "aol8_wfsim",
    recorder.port,
  );
  const recording = await recorder.connection();
  const announced = await recording.take(HANDSHAKE);
  const name = new TextDecoder().decode(announced.subarray(32, 112));
  assertEquals(name.slice(0, name.indexOf("\0")), "aol8_wfsim");
});
