/**
 * A page of the documentation, taken apart: its command lines, each with the
 * line it stands in, and those that are not run, each with a reason.
 *
 * A block of command lines begins with one of these:
 *
 * - "```sh": its lines are typed one after the other and must do well;
 * - "```sh stays": each line runs until Ctrl-C, which comes with the next
 *   heading; it must live until then, or do well;
 * - "```sh on icc", "```sh on icc, stays": as the host's other self, with
 *   streams, state and role of its own;
 * - "```sh run by FILE": a test of its own runs its lines;
 * - "```sh not run: REASON".
 *
 * @module
 */

/** Which of two hosts a line is typed on. */
export type Host = "here" | "icc";

/** A command line, maybe over several lines of the page. */
export interface Line {
  /** Line of the page, 1 first. */
  readonly at: number;
  /** The text as it stands there. */
  readonly text: string;
  /** Where it is typed. */
  readonly host: Host;
  /** Whether it runs until Ctrl-C. */
  readonly stays: boolean;
  /** Heading under which it stands, as a number. */
  readonly section: number;
}

/** A block that is not run here. */
export interface Left {
  /** Line of the page. */
  readonly at: number;
  /** Why, or by which test it is run. */
  readonly reason: string;
  /** Its lines. */
  readonly text: string;
}

/** What stands on a page. */
export interface Page {
  /** Its file. */
  readonly path: string;
  /** What is run. */
  readonly lines: readonly Line[];
  /** What another test runs; `reason` is its file. */
  readonly elsewhere: readonly Left[];
  /** What is not run. */
  readonly left: readonly Left[];
}

const decoder = new TextDecoder();

/** Whether bash takes a text as whole commands. */
function isWhole(text: string): boolean {
  const { success, stderr } = new Deno.Command("bash", {
    args: ["-n", "-c", text],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  return success && !/\\\n?$/.test(text) && decoder.decode(stderr) === "";
}

/** Whether nothing of it is a command. */
function isBlank(text: string): boolean {
  return /^\s*(#.*)?$/.test(text);
}

/** Command lines of a block: those that belong together in one. */
function* commands(
  block: readonly string[],
  first: number,
): Generator<{ at: number; text: string }> {
  let begun: { at: number; text: string } | undefined;
  for (const [i, line] of block.entries()) {
    if (begun === undefined && isBlank(line)) continue;
    begun = begun === undefined
      ? { at: first + i, text: line }
      : { at: begun.at, text: `${begun.text}\n${line}` };
    if (!isWhole(begun.text)) continue;
    yield begun;
    begun = undefined;
  }
  if (begun !== undefined) {
    throw new SyntaxError(`line ${begun.at}: not a whole command`);
  }
}

const MARK = /^(?:on (icc))?(?:, )?(stays)?$/;

/** Takes a page apart. */
export function readPage(path: string, text: string): Page {
  const lines: Line[] = [];
  const elsewhere: Left[] = [];
  const left: Left[] = [];
  let section = 0;
  const rows = text.split("\n");
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? "";
    if (/^#+ /.test(row)) section++;
    const fence = /^\s*```(.*)$/.exec(row);
    if (fence === null) continue;
    const info = fence[1] ?? "";
    const at = i + 2;
    const block: string[] = [];
    while (++i < rows.length && !/^\s*```$/.test(rows[i] ?? "")) {
      block.push(rows[i] ?? "");
    }
    const [language = "", ...words] = info.split(" ");
    if (/^(bash|shell|console|zsh|fish|shellsession)$/.test(language)) {
      throw new SyntaxError(`${path}:${at - 1}: command lines are "sh" here`);
    }
    if (language !== "sh") continue;
    const mark = words.join(" ");
    const [, test] = /^run by (\S+)$/.exec(mark) ?? [];
    const [, reason] = /^not run: (.+)$/.exec(mark) ?? [];
    const found = MARK.exec(mark);
    if (test !== undefined) {
      elsewhere.push({ at, reason: test, text: block.join("\n") });
    } else if (reason !== undefined) {
      left.push({ at, reason, text: block.join("\n") });
    } else if (found !== null) {
      for (const one of commands(block, at)) {
        lines.push({
          ...one,
          host: found[1] === undefined ? "here" : "icc",
          stays: found[2] !== undefined,
          section,
        });
      }
    } else {
      throw new SyntaxError(`${path}:${at - 1}: "${mark}" is no known mark`);
    }
  }
  return { path, lines, elsewhere, left };
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What the lines are typed into: see {@linkcode script}. */
const PRELUDE = `set -eE -o pipefail
shopt -s expand_aliases
at= stays= said=$(mktemp -d) background= newest=
trap 'code=$?; echo "line $at ended with $code" >&2; told; exit 1' ERR
told() { # what those that stay have said
  local one
  for one in $stays; do
    echo "line \${one#*:} has said:"; cat "$said/\${one#*:}"
  done >&2
}
failed() { echo "$1" >&2; told; exit 1; }
stay() { # LINE TEXT: starts it, waits a while for what it says
  set -m
  : > "$said/$1"
  ( trap - ERR; set +e; eval "$2" ) > "$said/$1" 2>&1 < /dev/null &
  local pid=$! waited=0
  set +m
  stays="$pid:$1 $stays"
  until [ -s "$said/$1" ]; do
    kill -0 $pid 2>/dev/null || break
    [ $((waited += 1)) -lt 60 ] || break # it lives
    sleep 0.05
  done
}
leave() { # Ctrl-C, the latest first
  local one pid code
  for one in $stays; do
    pid=\${one%:*}
    kill -INT -- -$pid 2>/dev/null || true
    code=0; wait $pid || code=$?
    case $code in
      0 | 130) ;;
      *) failed "line \${one#*:} ended with $code" ;;
    esac
  done
  stays=
}
begun() { # notes what a line has put into the background
  [ "\${!:-}" = "$newest" ] && return
  newest=$!
  case " $stays" in *" $newest:"*) return ;; esac
  background="$background $newest:$at"
}
finish() {
  local one pid code
  leave
  for one in $background; do
    pid=\${one%:*} code=0
    kill -TERM $pid 2>/dev/null || true
    wait $pid || code=$?
    case $code in
      0 | 143 | 127) ;; # 127: the page has waited for it
      *) failed "line \${one#*:}, in the background, ended with $code" ;;
    esac
  done
}
here() { export MILK_SHM_DIR=$here_dir SHMIM_STATE_DIR=$here_state MAGAOX_ROLE=$here_role; }
icc() {
  here_dir=$MILK_SHM_DIR here_state=$SHMIM_STATE_DIR here_role=$MAGAOX_ROLE
  export MILK_SHM_DIR=/icc/shm SHMIM_STATE_DIR=/tmp/icc-state MAGAOX_ROLE=ICC
}
`;

/**
 * A bash script that types the lines of a page, one after the other.
 *
 * @param page The page.
 * @param before Lines that are typed before.
 */
export function script(
  { lines }: Page,
  before: readonly string[] = [],
): string {
  let section = lines[0]?.section;
  const parts = lines.map(({ at, text, host, stays, section: its }) => {
    const ended = its === section ? "" : "leave\n";
    section = its;
    const typed = stays ? `stay ${at} ${quote(text)}` : text;
    const there = host === "icc" ? `icc\n${typed}\nbegun\nhere` : typed;
    return `${ended}at=${at}\n${there}\nbegun`;
  });
  return [PRELUDE, ...before, ...parts, "finish", ""].join("\n");
}
