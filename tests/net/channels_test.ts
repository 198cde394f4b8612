/** `shmim bridge` between two hosts, by MagAO-X's own table. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "../../std/path/from_file_url.ts";
import { Stream } from "../../src/stream/stream.ts";
import { ChannelHost } from "../_support/channels.ts";
import { CLI, Folder, until } from "../_support/cli.ts";
import { pause } from "./_frames.ts";
import { type NetPair, netTest, OWN, WIRES } from "./_hosts.ts";

const TABLE = fromFileUrl(
  new URL("../../docs/examples/magaox.toml", import.meta.url),
);

/** Both hosts with the table. */
class Magaox implements AsyncDisposable {
  readonly icc: ChannelHost;
  readonly rtc: ChannelHost;
  readonly #bin = new Folder();

  constructor(pair: NetPair, table: string = TABLE) {
    this.icc = new ChannelHost("ICC", table, pair.icc.within);
    this.rtc = new ChannelHost("RTC", table, pair.rtc.within);
    const env = Object.entries(this.rtc.env)
      .map(([name, value]) => `${name}='${value}'`).join(" ");
    this.#script("shmim", `exec ${Deno.execPath()} run -q -A ${CLI} "$@"`);
    // A stand-in for ssh: runs the command in the other namespace.
    this.#script(
      "ssh",
      `while [ "$1" != -- ]; do shift; done
[ "$2" = 192.168.2.2 ] || exit 255
export ${env}
exec ip netns exec ${pair.rtc.name} sh -c "$3"`,
    );
  }

  #script(name: string, text: string): void {
    Deno.writeTextFileSync(this.#bin.file(name), `#!/bin/sh\n${text}\n`, {
      mode: 0o755,
    });
  }

  /** Variables with which the stand-in is found. */
  get path(): Record<string, string> {
    return { PATH: `${this.#bin.path}:${Deno.env.get("PATH")}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.icc[Symbol.asyncDispose]();
    await this.rtc[Symbol.asyncDispose]();
    this.#bin[Symbol.dispose]();
  }
}

/** Writes frames until one has arrived. */
async function crosses(
  from: ChannelHost,
  to: ChannelHost,
  name: string,
  value: number,
): Promise<void> {
  using source = Stream.open(name, { dir: from.streams.path, writable: true });
  using destination = Stream.open(name, { dir: to.streams.path });
  const pixels = source.size.reduce((all, axis) => all * axis, 1);
  source.write(new Float32Array(pixels).fill(value));
  await until(
    `${value} in ${name}`,
    () => destination.read().pixels[pixels - 1] === value,
  );
}

netTest(
  "bridge: MagAO-X's channels by name, both ways, and over ssh",
  async (pair) => {
    await using hosts = new Magaox(pair);
    const { icc, rtc } = hosts;
    const alone = await icc.bridge(["dm01disp03"]);
    assertEquals(alone.code, 3);
    assertMatch(alone.err, /^dm01disp03 -> 192\.168\.2\.2:8803: refused: /);
    const up = await icc.bridge(["dm01disp03", "--ssh"], { env: hosts.path });
    assertEquals(up.code, 0, up.err);
    await crosses(icc, rtc, "dm01disp03", 1.5);
    // As documented: the ncpc's channels go from the RTC to the ICC.
    assertEquals((await icc.bridge(["dm02disp03"])).code, 0);
    const back = await rtc.bridge(["dm02disp03"]);
    assertEquals(back.code, 0, back.err);
    assertStringIncludes(back.err, "dm02disp03 -> 192.168.2.3:8823: up");
    await crosses(rtc, icc, "dm02disp03", 2.5);
    using made = Stream.open("dm02disp03", { dir: icc.streams.path });
    assertEquals([made.size, made.type], [[34, 34], "f32"]);
    for (const host of [icc, rtc]) {
      const { code, out } = await host.bridge(["--status"]);
      assertEquals(code, 0, out);
    }
    for (const host of [icc, rtc]) {
      assertEquals((await host.bridge(["--stop", "--all"])).code, 0);
    }
  },
);

netTest(
  "bridge: a host that does not answer, and one that comes back",
  async (pair) => {
    await using hosts = new Magaox(pair);
    const { icc, rtc } = hosts;
    Stream.create("cam", { dir: icc.streams.path, size: [4], type: "u8" })
      .close();
    const nobody = await icc.bridge(["cam", "--to", "192.168.2.99:9"]);
    assertEquals(nobody.code, 4, nobody.err);
    assertMatch(nobody.err, /^cam -> 192\.168\.2\.99:9: unreachable: /);
    await icc.bridge(["--stop", "cam"]);
    assertEquals((await rtc.bridge(["dm00disp00"])).code, 0);
    assertEquals((await icc.bridge(["dm00disp00"])).code, 0);
    await crosses(icc, rtc, "dm00disp00", 1);
    await pair.rtc.cable("down");
    using source = Stream.open("dm00disp00", {
      dir: icc.streams.path,
      writable: true,
    });
    source.write(new Float32Array(121).fill(2));
    await icc.until("dm00disp00", "unreachable");
    assertEquals((await icc.bridge(["--status"])).code, 4);
    await pair.rtc.cable("up");
    await icc.until("dm00disp00", "up");
    await crosses(icc, rtc, "dm00disp00", 3);
    await pause(100);
    const log = icc.log("dm00disp00");
    assertMatch(log, /trying again\n(.*\n)*.*connected to 192\.168\.2\.2:8780/);
    for (const host of [icc, rtc]) {
      assertEquals((await host.bridge(["--stop", "--all"])).code, 0);
    }
  },
);

if (WIRES.includes(OWN)) {
  netTest("bridge: a table with a key: strangers are refused", async (pair) => {
    using folder = new Folder();
    const table = folder.file("table.toml");
    Deno.writeTextFileSync(
      table,
      Deno.readTextFileSync(TABLE).replace(
        'wire = "milk"',
        'wire = "shmim"\nkey = "dm.key"',
      ),
    );
    Deno.writeTextFileSync(folder.file("dm.key"), "k".repeat(32), {
      mode: 0o600,
    });
    await using hosts = new Magaox(pair, table);
    const { icc, rtc } = hosts;
    assertEquals((await rtc.bridge(["dm01disp03"])).code, 0);
    const up = await icc.bridge(["dm01disp03"]);
    assertEquals(up.code, 0, up.err);
    await crosses(icc, rtc, "dm01disp03", 1);
    using source = Stream.open("dm01disp03", { dir: icc.streams.path });
    using destination = Stream.open("dm01disp03", { dir: rtc.streams.path });
    assertEquals(destination.cnt0, source.cnt0);
    // The table says nothing of a key here.
    await icc.bridge(["--stop", "dm01disp03"]);
    const stranger = ["dm01disp03", "--to", "rtc:8803"];
    const milk = await icc.bridge(stranger);
    assertEquals(milk.code, 3, milk.err);
    await icc.bridge(["--stop", "dm01disp03"]);
    const keyless = await icc.bridge([...stranger, "--wire", "shmim"]);
    assertEquals(keyless.code, 3, keyless.err);
    assertMatch(keyless.err, /refused: [^\n]*key/);
    for (const host of [icc, rtc]) {
      assertEquals((await host.bridge(["--stop", "--all"])).code, 0);
    }
  });
}
