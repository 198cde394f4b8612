/** A real call of each command of the table, and where it runs. @module */

import { Stream } from "../../src/stream/stream.ts";
import { type Around, Folder } from "../_support/cli.ts";

/** A call of a command. */
export interface Case {
  /** Its words, behind the command's. */
  readonly words: string;
  /** Its exit code; 1: it lacks a daemon or a device, and says so. */
  readonly code?: number;
}

/** One call of each command that ends by itself. */
export const CALLS: Readonly<Record<string, Case>> = {
  create: { words: "new 4x3 f32" },
  ls: { words: "" },
  info: { words: "cam" },
  read: { words: "cam" },
  watch: { words: "cam --once" },
  top: { words: "--once --watch 0" },
  write: { words: "cam --pattern sine --count 3" },
  poke: { words: "cam" },
  keyword: { words: "cam GAIN=2" },
  stat: { words: "cam --duration 0.1" },
  compare: { words: "cam other" },
  copy: { words: "cam other" },
  convert: { words: "cam DAO --format dao" },
  rm: { words: "--yes --force other" },
  load: { words: "ref.raw.fits loaded" },
  save: { words: "cam saved.fits" },
  record: { words: "cam night --duration 0.1" },
  replay: { words: "ref.raw.fits other --rate 1000 --clock atime", code: 1 },
  snapshot: { words: "snap" },
  restore: { words: "nowhere", code: 1 },
  link: { words: "--list" },
  transmit: { words: "cam 127.0.0.1 1 --once", code: 2 },
  receive: { words: "1 --bind 192.0.2.1", code: 1 },
  device: { words: "--attach --key .:9", code: 1 },
  client: { words: "--key .:9 --count 1", code: 1 },
  sysv: { words: "limits" },
  bridge: { words: "--list --config t.toml" },
  doctor: { words: "--all" },
  clean: { words: "--dry-run --only claims,files" },
  daemon: { words: "--run none/run", code: 1 },
  ctl: { words: "status --run run", code: 1 },
  share: { words: "cam --run run", code: 1 },
  mount: { words: "1:cam --run run", code: 1 },
  unshare: { words: "cam --run run", code: 1 },
  umount: { words: "cam --run run", code: 1 },
  shares: { words: "--run run", code: 1 },
  carry: { words: "receive 127.0.0.1 --control none/c.sock", code: 1 },
  ferry: {
    words: "2 --connect 127.0.0.1:1 --control f.sock --run run",
    code: 1,
  },
  demo: { words: "--seconds 0.1" },
  "install-names": { words: "names" },
  completion: { words: "zsh" },
  man: { words: "pages" },
  permissions: { words: "info cam" },
};

/** Where a call runs: streams, a FITS file, a table, folders. */
export class Place implements Disposable {
  readonly folder = new Folder();
  readonly dao = `scripting${crypto.randomUUID().slice(0, 8)}`;

  constructor() {
    const { folder } = this;
    for (const name of ["cam", "other"]) {
      using stream = Stream.create(name, {
        dir: folder.path,
        size: [4, 3],
        type: "f32",
        keywords: 3,
      });
      stream.write(new Float32Array(12));
    }
    this.writeFits(0);
    Deno.writeTextFileSync(
      folder.file("t.toml"),
      '[hosts.a]\naddress = "127.0.0.1"\n[hosts.b]\naddress = "localhost"\n' +
        '[channels.c]\nstreams = "dm{00..03}"\nfrom = "a"\nto = "b"\n' +
        'size = [2, 2]\ntype = "f32"\nport = 9000\n',
    );
    for (const name of ["names", "pages"]) Deno.mkdirSync(folder.file(name));
  }

  /** Ten pixels of one value. */
  writeFits(value: number): void {
    const cards = [
      "SIMPLE  =                    T",
      "BITPIX  =                    8",
      "NAXIS   =                    1",
      "NAXIS1  =                   10",
      "END",
    ];
    Deno.writeTextFileSync(
      this.folder.file("ref.raw.fits"),
      cards.map((card) => card.padEnd(80)).join("").padEnd(2880) +
        String.fromCharCode(value).repeat(10).padEnd(2880, "\0"),
    );
  }

  words(name: string, text: string): string[] {
    return [name, ...text.replace("DAO", this.dao).split(" ")].filter((word) =>
      word !== ""
    );
  }

  get around(): Around & { cwd: string; env: Record<string, string> } {
    const { folder } = this;
    return {
      folder,
      cwd: folder.path,
      env: {
        NO_COLOR: "",
        TERM: "xterm-256color",
        COLORTERM: "truecolor",
        SHMIM_STATE_DIR: folder.state,
        MAGAOX_ROLE: "a",
      },
    };
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
    for (const { name } of Deno.readDirSync("/dev/shm")) {
      if (name.startsWith(`sem.${this.dao}_`)) {
        Deno.removeSync(`/dev/shm/${name}`);
      }
    }
  }
}
