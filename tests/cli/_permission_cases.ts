/**
 * A real case of each command for the permission tests: one line each. The
 * place has the streams `cam` (4x3 u16, a frame), `spare`, `noted` (keywords)
 * and `alias` (a link to cam elsewhere), and the files `in.raw`, `in.fits`.
 * @module
 */

/** A case. */
export interface PermissionCase {
  /** The words behind the command's name; PORT is a port that listens. */
  readonly words: readonly string[];
  /** How it ends when it has what it needs; 0 where left out. */
  readonly code?: number;
  /** It runs until it is told to end; first it says this. */
  readonly says?: RegExp;
  /** What it does without, with a word about it, as in `write=in.fits`. */
  readonly spare?: readonly string[];
  /** What of the network is allowed, as the probe names it. */
  readonly net?: readonly string[];
  /** What else is allowed, as the probe names it. */
  readonly other?: readonly string[];
  /** How many permissions it needs at least; 3 where left out. */
  readonly least?: number;
  /** It is given a temporary folder's parent, and so everything in it. */
  readonly allOfTmp?: boolean;
}

/** By the name of the command. */
export const PERMISSION_CASES: Readonly<Record<string, PermissionCase>> = {
  create: { words: ["new", "4x3", "f32"] },
  ls: { words: ["--watch", "0"], spare: ["read=ELSEWHERE"] },
  info: { words: ["alias"] },
  read: {
    words: "alias --wait semaphore --timeout 0.05 --out out.txt".split(" "),
    code: 124,
  },
  watch: { words: ["cam", "--once"] },
  top: { words: ["--once", "--watch", "0"], spare: ["read=ELSEWHERE"] },
  write: { words: ["cam", "in.raw"] },
  poke: { words: ["alias"] },
  keyword: { words: ["noted", "A=1"] },
  stat: { words: ["cam", "--duration", "0.05", "--wait", "semaphore"] },
  compare: { words: ["cam", "alias"] },
  copy: { words: ["cam", "made"] },
  convert: { words: ["cam", "made", "--format", "isio"] },
  rm: { words: ["--yes", "--force", "spare"] },
  load: { words: ["in.fits", "ref"], spare: ["write=in.fits"] },
  save: { words: ["cam", "out.fits"] },
  link: { words: ["cam", "wfsim"] },
  transmit: {
    words: "cam 127.0.0.1 PORT --no-reconnect --stats-json s.json".split(" "),
    code: 1, // the peer leaves
    net: ["connect"],
  },
  receive: {
    words: ["0", "--stats-json", "s.json"],
    code: 143,
    says: /listening on/,
    net: ["listen", "listen on UDP"], // Deno makes no difference
  },
  device: {
    words: ["SIN", "2", "--serve"],
    code: 143,
    says: /segment/,
  },
  client: { words: ["--count", "1"], code: 1 }, // there is no device
  sysv: { words: ["ls"] },
  bridge: {
    words: ["--list", "--config", "t.toml"],
    code: 1, // there is no such table
    other: ["env"], // it looks for its tables at HOME
  },
  doctor: {
    words: ["--peer", "127.0.0.1:PORT", "--all"],
    net: ["connect"],
    other: ["env"], // it looks for its tables at HOME
  },
  clean: { words: ["--only", "claims,files"] },
  daemon: {
    words: "--run run --metrics 0".split(" "),
    code: 143,
    says: /metrics on/,
    net: ["listen", "listen on UDP"],
  },
  // No daemon runs: it says so.
  ctl: { words: ["status", "--run", "run"], code: 1 },
  share: { words: ["cam", "--run", "run"], code: 1 },
  mount: { words: ["1:cam", "--run", "run"], code: 1 },
  unshare: { words: ["cam", "--run", "run"], code: 1 },
  umount: { words: ["cam", "--run", "run"], code: 1 },
  shares: { words: ["--run", "run"], code: 1 },
  // No daemon has that run folder: it says so.
  ferry: {
    words: "2 --connect 127.0.0.1:PORT --control f.sock --run run".split(" "),
    code: 1,
    net: ["connect"],
  },
  carry: {
    words: "receive 127.0.0.1 --control c.sock --dir .".split(" "),
    code: 143,
    says: /stands/,
    net: ["listen", "listen on UDP"],
  },
  demo: {
    words: ["--seconds", "0.1"],
    net: ["connect", "connect to another port", "listen", "listen on UDP"],
    allOfTmp: true,
  },
  record: { words: ["cam", "log", "--duration", "0.1"] },
  replay: { words: ["missing.fits", "cam"], code: 1 },
  snapshot: { words: ["shot", "cam"] },
  restore: { words: ["missing"], code: 1 },
  "install-names": { words: ["."], least: 2 },
  completion: { words: ["bash"], least: 0 },
  man: { words: ["."], least: 2 },
  permissions: { words: ["info", "cam"] },
};
