/**
 * Between users of one host the owner's rules hold: a partition of another
 * user is mounted as one of another host, and its files are not ours to write.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { run } from "../_support/child.ts";
import { Folder, json, shmim } from "../_support/cli.ts";
import { all, program, root, testWhere } from "../_support/skip.ts";
import { camera, crosses, frame, Site } from "./_partition_site.ts";
import { freePort } from "../_support/ports.ts";

const NOBODY = 65534;
/** Another user, who may read all that root may (Deno, and this project). */
const AS_NOBODY = [
  "setpriv",
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  "--clear-groups",
  "--inh-caps=-all,+dac_read_search",
  "--ambient-caps=-all,+dac_read_search",
  "--bounding-set=-all,+dac_read_search",
];

/** Gives a folder away, with what is in it. */
function give(path: string): void {
  Deno.chownSync(path, NOBODY, NOBODY);
  for (const { name, isDirectory } of Deno.readDirSync(path)) {
    if (isDirectory) give(`${path}/${name}`);
    else Deno.chownSync(`${path}/${name}`, NOBODY, NOBODY);
  }
}

testWhere(
  "two users of one host: a mount crosses as between hosts, writing is refused",
  all(root, program("setpriv", "util-linux")),
  async () => {
    const [a, b] = [freePort(), freePort()];
    await using one = new Site(1, a, [{ partition: 2, port: b }]);
    // Deno writes into its folder: the other user has a copy.
    using cache = new Folder("/tmp");
    const known = await run(Deno.execPath(), ["info", "--json"]);
    const { npmCache } = json(known.stdout);
    const copied = await run("cp", ["-r", npmCache, cache.path]);
    assertEquals(copied.code, 0, copied.stderr);
    give(cache.path);
    const within = ["env", `DENO_DIR=${cache.path}`, ...AS_NOBODY];
    await using two = new Site(2, b, [{ partition: 1, port: a }], { within });
    give(two.folder.path);
    using cam = camera(one);
    Deno.chmodSync(cam.path, 0o640); // a new stream is everybody's otherwise
    await one.up();
    await two.up();
    await one.done("share", "cam");
    await two.done("mount", "1:cam");
    await crosses(cam, two, "cam", 1);
    assertEquals(Deno.lstatSync(two.run).uid, NOBODY);

    // The owner's rule: for reading. A copy is what they have of it.
    const refused = await two.shmim("mount", "1:cam", "--as", "w", "--write");
    assertEquals([refused.code, refused.out], [1, ""]);
    assertMatch(refused.err, /shares "cam" for reading only/);
    {
      using copy = Stream.open("cam", { dir: two.dir });
      copy.write(frame(9));
    }
    assertEquals(cam.read().pixels[0], 1);

    // Nor around it: neither the memory nor the daemon is theirs.
    const file = `${one.dir}/cam.im.shm`;
    const before = cam.cnt0;
    const around = { folder: two.folder, within };
    const poked = await shmim(["poke", file], around);
    assertEquals([poked.code, cam.cnt0], [1, before]);
    assertMatch(poked.err, /^shmim: [^\n]*(EACCES|[Pp]ermission denied)/);
    const asked = await shmim(["ctl", "status", "--run", one.run], around);
    assertEquals(asked.code, 1);
    assertMatch(asked.err, /belongs to user 0, not to you/);

    // Where the owner allows it, what is written there comes here.
    await two.done("umount", "cam");
    await one.done("unshare", "cam");
    await one.done("share", "cam", "--write");
    await two.done("mount", "1:cam", "--write");
    await two.mounted("cam", "sent");
  },
);
