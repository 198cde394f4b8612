/** Whether the receiver is reached, and how often it is asked. */

import { assert, assertEquals } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { Recorder, Transmitting } from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";
import { freePort } from "../_support/ports.ts";

function cam(folder: Folder): Stream {
  return Stream.create("cam", { dir: folder.path, size: [4, 3], type: "u16" });
}

Deno.test("Transmitter.reach is connected once that has lasted, refused where nobody listens", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  const port = freePort();
  await using transmitting = new Transmitting(folder, "cam", port);
  const { transmitter } = transmitting;
  await until("refused", () => transmitter.reach === "refused");
  await using _recorder = new Recorder(port);
  await until("connected", () => transmitter.reach === "connected");
});

Deno.test("Transmitter: a receiver that closes at once is asked ever less often, and is no end", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let asked = 0;
  const serving = (async (): Promise<void> => {
    for await (const connection of listener) {
      asked++;
      connection.close();
    }
  })();
  {
    await using transmitting = new Transmitting(
      folder,
      "cam",
      listener.addr.port,
    );
    await until("two tries", () => asked >= 2);
    assertEquals(transmitting.transmitter.reach, "refused");
    await new Promise((resolve) => setTimeout(resolve, 2000));
    // 0.1, 0.2, 0.4, 0.8 … s, and not ten a second
    assert(asked <= 8, `asked ${asked} times`);
    assertEquals(transmitting.error, undefined);
  }
  listener.close();
  await serving;
});
