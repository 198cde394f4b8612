/**
 * One end of the soak's bridge, in a process of its own: prints its port (0
 * at the transmitting end), then how it does for every line that it is told.
 * @module
 */

import { Receiver } from "../src/bridge/receive.ts";
import { Transmitter } from "../src/bridge/transmit.ts";

/** How an end does, as one line of JSON. */
export interface EndStatus {
  readonly frames: number;
  readonly skipped: number;
  readonly torn: number;
  readonly repeats: number;
  readonly foreign: number;
  readonly reconnects: number;
  readonly lastCnt0: string;
  readonly rss: number;
}

function start(
  role: string,
  dir: string,
  port: number,
): Receiver | Transmitter {
  if (role === "receive") return Receiver.listen({ port: 0, dir });
  return Transmitter.start({
    stream: "soak",
    dir,
    hostname: "127.0.0.1",
    port,
  });
}

if (import.meta.main) {
  const [role = "", dir = "", port = "0"] = Deno.args;
  const end = start(role, dir, Number(port));
  const say = (value: unknown): void => {
    Deno.stdout.writeSync(
      new TextEncoder().encode(`${JSON.stringify(value)}\n`),
    );
  };
  say({ port: end instanceof Receiver ? end.port : 0 });
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const text of lines) {
    const { frames, skipped, torn, repeats, foreign, reconnects, lastCnt0 } =
      end.status();
    const { rss } = Deno.memoryUsage();
    const status: EndStatus = {
      frames,
      skipped,
      torn,
      repeats,
      foreign,
      reconnects,
      lastCnt0: String(lastCnt0),
      rss,
    };
    say(status);
    if (text.includes("end")) break;
  }
  end.stop();
  await end.done;
}
