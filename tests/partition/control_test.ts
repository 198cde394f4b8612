/** What is said of an exchange that fails: what was seen, not what may be. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { askSocket } from "../../src/partition/control.ts";
import { PartitionError } from "../../src/partition/errors.ts";
import { freePort } from "../_support/ports.ts";
import { Site } from "../cli/_partition_site.ts";
import { Folder } from "../_support/cli.ts";

/** Takes one connection and a request, and answers so. */
async function answered(answer: string | undefined): Promise<Error> {
  using folder = new Folder();
  const path = folder.file("socket");
  const listener = Deno.listen({ transport: "unix", path });
  const serving = (async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(1000));
    if (answer === undefined) return connection;
    await connection.write(new TextEncoder().encode(answer));
    connection.close();
    return undefined;
  })();
  try {
    return await assertRejects(
      // Who answers may take his time.
      () =>
        askSocket(path, "It", { do: "ping" }, answer === undefined ? 0.2 : 30),
      PartitionError,
    );
  } finally {
    (await serving)?.close();
    listener.close();
  }
}

Deno.test.each(
  [
    ["", /^It closed the connection without an answer$/],
    ['{"ok":tr', /^It closed the connection in the middle of its answer$/],
    ["hello\n", /^It gave an answer that is none: "hello"$/],
    ["7\n", /^It gave an answer that is none: "7"$/],
    ['{"ok":false,"error":"No."}\n', /^No\.$/],
    [undefined, /^It gave no answer within 0\.2 s$/],
  ] as const,
)("an answer of %j is told as what it is", async (answer, expected) => {
  assertMatch((await answered(answer)).message, expected);
});

Deno.test("a host that says nothing is what a mount names, not the own daemon", async () => {
  const mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = mute.addr as Deno.NetAddr;
  const taken: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const connection of mute) taken.push(connection);
  })();
  try {
    await using one = new Site(1, freePort(), [{ partition: 2, port }], {
      timeoutS: 10,
    });
    await one.up();
    const { code, err } = await one.shmim("mount", "2:cam");
    assertEquals([code, err], [
      1,
      `shmim: Cannot reach partition 2 at 127.0.0.1:${port}: no answer within ` +
      "5 s\n",
    ]);
  } finally {
    mute.close();
    await serving;
    for (const connection of taken) connection.close();
  }
});
