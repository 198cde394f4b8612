/**
 * A relay that delays: `_relay.ts ADDRESS PORT TARGET_PORT MS`. What comes in
 * on either side goes out on the other after so many ms. It prints a line
 * when it listens.
 * @module
 */

async function delayed(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  ms: number,
): Promise<void> {
  const queue: { at: number; bytes: Uint8Array }[] = [];
  let ended = false;
  const reading = (async (): Promise<void> => {
    const chunk = new Uint8Array(65536);
    for (;;) {
      while (queue.length > 1000) await new Promise((r) => setTimeout(r, 1));
      const n = await from.read(chunk).catch(() => null);
      if (n === null) break;
      queue.push({ at: performance.now() + ms, bytes: chunk.slice(0, n) });
    }
    ended = true;
  })();
  while (!ended || queue.length > 0) {
    const [next] = queue;
    const wait = next === undefined ? 1 : next.at - performance.now();
    if (wait > 0) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      continue;
    }
    for (let at = 0; next !== undefined && at < next.bytes.length;) {
      at += await to.write(next.bytes.subarray(at));
    }
    queue.shift();
  }
  await reading;
  await to.closeWrite().catch(() => {});
}

if (import.meta.main) {
  const [hostname = "", port, target, ms] = Deno.args;
  using listener = Deno.listen({ hostname, port: Number(port) });
  await Deno.stdout.write(new TextEncoder().encode("listening\n"));
  for await (const connection of listener) {
    connection.setNoDelay(true);
    const other = await Deno.connect({ hostname, port: Number(target) });
    other.setNoDelay(true);
    Promise.all([
      delayed(connection, other, Number(ms)),
      delayed(other, connection, Number(ms)),
    ]).catch(() => {}).finally(() => {
      connection.close();
      other.close();
    });
  }
}
