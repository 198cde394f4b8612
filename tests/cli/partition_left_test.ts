/** What a partition has is no leaving, though nobody has it attached. */

import { assertEquals, assertMatch } from "@std/assert";
import { moduleUrl, run } from "../_support/child.ts";
import { CLI, Folder } from "../_support/cli.ts";
import { namespace } from "../_support/ipc.ts";
import { testWhere } from "../_support/skip.ts";

testWhere(
  "shmim clean and sysv rm --orphans keep what a partition has, and take the rest",
  () => namespace() === undefined ? "no namespace can be made here" : undefined,
  async () => {
    using folder = new Folder();
    const place = JSON.stringify({ run: folder.file("run") });
    const program = (name: string, code: string): string => {
      const path = folder.file(name);
      const xp = JSON.stringify(moduleUrl("src/partition/xp.ts"));
      Deno.writeTextFileSync(
        path,
        `import { IPC_CREAT, Xp } from ${xp};\n` +
          `const xp = new Xp(${place});\n${code}`,
      );
      return path;
    };
    const make = program(
      "make.ts",
      `using memory = xp.shmat(xp.shmget(xp.ftok(null, 7), 64, IPC_CREAT));
       memory.update(8, new Uint8Array([1, 2, 3]));`,
    );
    const look = program(
      "look.ts",
      `using memory = xp.shmat(xp.shmget(xp.ftok(null, 7), 64));
       console.log("there", memory.read(8, 3).join());`,
    );
    const { code, stdout, stderr } = await run("unshare", [
      ...namespace() ?? [],
      "sh",
      "-c",
      `deno() { "${Deno.execPath()}" run -qA --config "${
        new URL("../../deno.json", import.meta.url).pathname
      }" "$@"; }
      shmim() { deno "${CLI}" "$@"; }
      "${Deno.execPath()}" run -qA "${CLI}" daemon --run ${
        folder.file("run")
      } \\
        --dir ${folder.path} > ${folder.file("out")} &
      daemon=$!
      for n in $(seq 300); do
        grep -q 'is up' ${folder.file("out")} && break; sleep 0.1
      done
      deno ${make}
      ipcmk -M 100 >/dev/null
      shmim clean --only segments --alone
      ipcmk -M 100 >/dev/null
      shmim sysv rm --orphans
      deno ${look}
      kill -9 $daemon; wait $daemon 2>/dev/null
      shmim clean --only segments --alone --run ${folder.file("run")} --json
      shmim daemon --run ${folder.file("run")} --dir ${folder.path} \\
        > ${folder.file("again")} &
      for n in $(seq 300); do
        grep -q 'is up' ${folder.file("again")} && break; sleep 0.1
      done
      deno ${look}
      shmim ctl shutdown --run ${folder.file("run")}
      shmim sysv rm --orphans`,
    ]);
    const said = stdout + stderr;
    assertEquals(code, 0, said);
    assertEquals(said.match(/^there 1,2,3$/gm)?.length, 2, said);
    assertMatch(stdout, /^kept segment \d+ \(0x00000000, \d+ bytes\) of pid/m);
    assertMatch(stderr, /^shmim: 1 kept, for partition 0 of "[^"]+" has it/m);
    assertMatch(stderr, /^kept \d+ \(0x00000000, .*\): partition 0 of /m);
    assertEquals(
      stdout.match(/^removed .*100 bytes/gm)?.length,
      2,
      `the orphans beside it: ${said}`,
    );
    assertMatch(stdout, /"removed":\s*\[\]/);
    assertMatch(stdout, /"reason":\s*"partition 0 of /);
    assertMatch(stdout, /segments removed: 1/);
    assertMatch(said, /^No orphans$/m);
  },
  { optional: true },
);
