/**
 * Records what a transmitter says, and says it again:
 * `_tape.ts record ADDRESS PORT TARGET_PORT FILE` hands connections on and
 * keeps what came in; `_tape.ts replay ADDRESS PORT FILE` sends that and
 * prints how many bytes it was answered, when the other end has closed.
 * @module
 */

const [what, hostname = "", port, ...rest] = Deno.args;

async function say(text: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}

async function record(target: number, file: string): Promise<void> {
  using listener = Deno.listen({ hostname, port: Number(port) });
  await say("listening");
  using connection = await listener.accept();
  using other = await Deno.connect({ hostname, port: target });
  using tape = Deno.openSync(file, { write: true, create: true });
  const back = other.readable.pipeTo(connection.writable).catch(() => {});
  const chunk = new Uint8Array(65536);
  for (;;) {
    const n = await connection.read(chunk).catch(() => null);
    if (n === null) break;
    tape.writeSync(chunk.subarray(0, n));
    await other.write(chunk.subarray(0, n)).catch(() => {});
  }
  await other.closeWrite().catch(() => {});
  await back;
}

async function replay(file: string): Promise<void> {
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const bytes = Deno.readFileSync(file);
  const writing = (async (): Promise<void> => {
    for (let at = 0; at < bytes.length;) {
      at += await connection.write(bytes.subarray(at));
    }
  })().catch(() => {});
  const chunk = new Uint8Array(65536);
  let answered = 0;
  for (;;) {
    const n = await connection.read(chunk).catch(() => null);
    if (n === null) break;
    answered += n;
  }
  await writing;
  connection.close();
  await say(String(answered));
}

if (what === "record") {
  const [target, file = ""] = rest;
  await record(Number(target), file).catch(() => {});
} else await replay(rest[0] ?? "");
