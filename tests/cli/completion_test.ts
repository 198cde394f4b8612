/** Completion in the real shells. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { offeredCommands } from "../../src/completion/model.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { run } from "../_support/child.ts";
import { CLI, done, Folder, shmim, until } from "../_support/cli.ts";
import { all, program, testWhere } from "../_support/skip.ts";

const scripts = new Map<string, Promise<string>>();

function script(shell: string): Promise<string> {
  const made = scripts.get(shell) ?? done(["completion", shell]);
  scripts.set(shell, made);
  return made;
}

/** A folder with streams, a link to nowhere, and the script of a shell. */
async function place(shell: string): Promise<Folder> {
  const folder = new Folder();
  for (const name of ["dm01disp03", "dm01disp04", "odd name", "wfs"]) {
    Deno.writeTextFileSync(folder.stream(name), "");
  }
  Deno.mkdirSync(folder.file("other"));
  Deno.writeTextFileSync(folder.file("other/cam.im.shm"), "");
  Deno.writeTextFileSync(folder.file("ref.fits"), "");
  Deno.writeTextFileSync(folder.file("script"), await script(shell));
  // Two partitions, as their daemons' state has them, and what one of them
  // is offered: a stand-in for the program says what `shares` would.
  Deno.mkdirSync(folder.file("run"));
  for (const unit of [0, 1]) {
    const state = {
      unit,
      partition: unit + 7101,
      mounts: [{ partition: 7101 }],
    };
    Deno.writeTextFileSync(
      folder.file(`run/unit-${unit}.json`),
      JSON.stringify(state),
    );
  }
  Deno.writeTextFileSync(
    folder.file("bridges.toml"),
    `[hosts.icc]
address = "127.0.0.2"
[hosts.rtc]
address = "127.0.0.1"
[channels.tweeter]
streams = "dm01disp{03..04}"
from = "icc"
to = "rtc"
size = [50, 50]
type = "f32"
port = 8800
[channels.woofer]
streams = "acc00"
from = "rtc"
to = "icc"
size = [34, 34]
type = "f32"
port = 8700
`,
  );
  Deno.mkdirSync(folder.file("bin"));
  Deno.writeTextFileSync(
    folder.file("bin/shmim"),
    `#!/bin/sh
[ "$*" = "bridge --list" ] &&
  exec '${Deno.execPath()}' run -q -A '${CLI}' bridge --list
[ "$*" = "shares --run=${folder.path}/run --unit=1" ] ||
  [ "$*" = "shares --unit=1 --run=${folder.path}/run" ] || exit 1
echo "         STREAM     MODE  WITH / AS  STATE"
echo "shared   2:cam      r     all"
echo "offered  1:wfs      r"
echo "offered  1:rtc_wfs  rw"
`,
    { mode: 0o755 },
  );
  return folder;
}

/** Variables of a shell: the folder's programs come before all others. */
function variables(folder: Folder): Record<string, string> {
  return {
    MILK_SHM_DIR: folder.path,
    MAGAOX_ROLE: "ICC",
    SHMIM_CONFIG: folder.file("bridges.toml"),
    PATH: `${folder.file("bin")}:${Deno.env.get("PATH") ?? ""}`,
  };
}

/** What is typed up to the cursor, and what is offered. */
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ["shmim cre", ["create"]],
  ["shmim info ", ["dm01disp03", "dm01disp04", "odd name", "wfs"]],
  ["shmim info dm", ["dm01disp03", "dm01disp04"]],
  ["shmim info --dir FOLDER/other ", ["cam"]],
  ["shmim create x 4x4 f", ["f16", "f32", "f64"]],
  ["shmim read wfs --wait po", ["poll"]],
  ["shmim read wfs --count 3 --format ", [
    "json",
    "npy",
    "raw",
    "stats",
    "text",
  ]],
  ["shmim read wfs --sem", ["--semaphore"]],
  ["shmim rm wfs dm01disp03 od", ["odd name"]],
  ["shmim sysv ", ["limits", "ls", "rm"]],
  ["shmim load FOLDER/re", ["FOLDER/ref.fits"]],
  ["shmim permissions poke", ["poke"]],
  ["shmim share wfs --run FOLDER/run --with ", ["7101", "7102"]],
  ["shmim mount --run FOLDER/run --unit 1 ", ["1:rtc_wfs", "1:wfs"]],
  ["shmim mount --run FOLDER/run --unit 1 1:r", ["1:rtc_wfs"]],
  ["shmim bridge dm", ["dm01disp03", "dm01disp04"]],
  ["shmim bridge ac", ["acc00"]],
  ["shmim bridge --stop acc00 ", ["acc00", "dm01disp03", "dm01disp04"]],
  ["shmim poke wfs ", []],
  ["shmim completion z", ["zsh"]],
];

Deno.test("offeredCommands() knows what each word can be", async () => {
  const commands = await offeredCommands(COMMANDS);
  const find = (name: string) => commands.find((one) => one.name === name);
  const option = (command: string, name: string) =>
    find(command)?.options.find((one) => one.name === name)?.value;
  assertEquals(find("create")?.words, [["stream"], [], ["type"]]);
  assertEquals(find("load")?.words, [["file", "stream"], ["stream"]]);
  assertEquals(find("rm")?.repeats, true);
  assertEquals(find("client")?.words, []);
  assertEquals(find("sysv")?.words[0], ["=ls", "=rm", "=limits"]);
  assertEquals(option("link", "remove"), ["stream"]);
  assertEquals(option("read", "out"), ["file"]);
  assertEquals(option("read", "json"), undefined);
  assertEquals(option("transmit", "reopen"), ["=same", "=any", "=never"]);
});

testWhere(
  "shmim completion bash: bash offers what there is",
  program(
    "bash",
    "bash",
  ),
  async () => {
    using folder = await place("bash");
    const tries = CASES.map(([line]) => {
      const words = line.replaceAll("FOLDER", folder.path).split(" ");
      return `try ${words.map((word) => `'${word}'`).join(" ")}`;
    });
    const { code, stdout, stderr } = await run("bash", [
      "--norc",
      "-c",
      `. "$0"; compopt() { :; }
try() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _shmim shmim
  printf '%s\\n' "\${COMPREPLY[@]}" | sed 's/\\\\//g' | LC_ALL=C sort -u
  echo .
}
${tries.join("\n")}
COMP_WORDS=(shmim read wfs --wait = po) COMP_CWORD=5; _shmim shmim
echo "\${COMPREPLY[@]}"
# As bash takes it apart: behind the colon.
COMP_WORDS=(shmim mount --run '${folder.path}/run' --unit 1 1 : r) COMP_CWORD=8
_shmim shmim; echo "\${COMPREPLY[@]}"
COMP_WORDS=(shmim mount --run '${folder.path}/run' --unit 1 1 :) COMP_CWORD=7
_shmim shmim; echo "\${COMPREPLY[@]}"
complete -p shmim`,
      folder.file("script"),
    ], { env: variables(folder) });
    assertEquals([code, stderr], [0, ""]);
    const [offered, end] = [stdout.split(".\n"), stdout.split(".\n").pop()];
    CASES.forEach(([line, expected], i) => {
      const lines = (offered[i] ?? "").split("\n").filter((one) => one !== "");
      const wanted = expected.map((one) => one.replace("FOLDER", folder.path));
      assertEquals(lines, wanted, line);
    });
    assertEquals(end, "poll\nrtc_wfs\nwfs rtc_wfs\ncomplete -F _shmim shmim\n");
  },
);

testWhere(
  "shmim completion fish: fish offers what there is",
  program(
    "fish",
    "fish",
  ),
  async () => {
    using folder = await place("fish");
    const { code, stdout, stderr } = await run("fish", [
      "--no-config",
      "-c",
      `source ${folder.file("script")}\n` +
      CASES.map(([line]) =>
        `complete -C '${line.replaceAll("FOLDER", folder.path)}'; echo .`
      ).join("\n"),
    ], {
      env: { ...variables(folder), HOME: folder.path },
    });
    assertEquals([code, stderr], [0, ""]);
    const offered = stdout.split(".\n");
    CASES.forEach(([line, expected], i) => {
      const lines = (offered[i] ?? "").split("\n")
        .map((one) => one.split("\t")[0] ?? "").filter((one) => one !== "");
      const wanted = expected.map((one) => one.replace("FOLDER", folder.path));
      assertEquals(lines.toSorted(), wanted, line);
    });
  },
);

testWhere(
  "shmim completion zsh: zsh completes at its prompt",
  all(program("zsh", "zsh"), program("tmux", "tmux")),
  async () => {
    using folder = await place("zsh");
    Deno.writeTextFileSync(
      folder.file(".zshrc"),
      `PS1='%% '
path=(${folder.file("bin")} $path)
autoload -Uz compinit; compinit -D -u
. ${folder.file("script")}
`,
    );
    const socket = folder.file("tmux");
    const tmux = (...words: string[]): ReturnType<typeof run> =>
      run("tmux", ["-S", socket, ...words]);
    const screen = async (): Promise<string> =>
      (await tmux("capture-pane", "-p")).stdout;
    const { code, stderr } = await tmux(
      ...["new-session", "-d", "-x", "160", "-y", "40"],
      ...Object.entries({ ...variables(folder), ZDOTDIR: folder.path })
        .flatMap(([name, value]) => ["-e", `${name}=${value}`]),
      "zsh -i",
    );
    assertEquals(code, 0, stderr);
    try {
      await until("its prompt", async () => /^%/m.test(await screen()));
      for (const [line, expected] of CASES) {
        if (expected.length === 0) continue;
        const typed = line.replaceAll("FOLDER", folder.path);
        await tmux("send-keys", "-l", typed);
        // The first inserts what all have in common, the second lists.
        await tmux(
          "send-keys",
          ...expected.length > 1 ? ["Tab", "Tab"] : ["Tab"],
        );
        const wanted = expected.map((one) =>
          one.replace("FOLDER", folder.path)
        );
        const [only = ""] = wanted;
        const whole = `${typed.replace(/\S*$/, "")}${only.replace(" ", "\\ ")}`;
        let last = "";
        await until(() => `${line} in\n${last}`, async () => {
          last = await screen();
          return wanted.length === 1
            ? last.includes(whole)
            : wanted.every((one) => last.replaceAll("\\ ", " ").includes(one));
        });
        assert(!/not found|error/.test(last), last);
        await tmux("send-keys", "C-c");
        await until(
          () => `a clean screen after ${line}:\n${last}`,
          async () => {
            // C-c may have ended a completion only, and left its line.
            await tmux("send-keys", "C-u", "C-l");
            return (last = await screen()).trim() === "%";
          },
        );
      }
    } finally {
      await tmux("kill-server");
    }
  },
);

Deno.test("shmim completion needs nothing, and knows three shells", async () => {
  const { code, out, err } = await shmim(["completion", "bash"], { flags: [] });
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "complete -F _shmim shmim");
  const wrong = await shmim(["completion", "zshh"]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, 'did you mean "zsh"?');
});
