/**
 * The channel table: which stream goes from which host to which, on which
 * port. What it says is checked whole before any of it is used.
 * @module
 */

import { dirname, resolve } from "@std/path";
import { requireName } from "../stream/names.ts";
import { type DataType, parseType } from "../stream/types.ts";
import { expandNames } from "./pattern.ts";
import { Section } from "./section.ts";
import { type Place, type Problem, readToml, TomlError } from "./toml.ts";

/** A host of the table. */
export interface Host {
  /** Its name in the table. */
  readonly name: string;
  /** What `MAGAOX_ROLE` says there; its name where there is none. */
  readonly role: string;
  /** Name or address that the others dial, and that it listens on. */
  readonly address: string;
  /** How ssh reaches it; its address where nothing is said. */
  readonly ssh: string;
  /** What `--ssh` runs there to start a receiver. */
  readonly receive: string | undefined;
}

/** Which wire carries a channel. */
export type Wire = (typeof WIRES)[number];
/** What happens where the line is slower than the source. */
export type Policy = (typeof POLICIES)[number];

/** Wires by name. */
export const WIRES = ["milk", "shmim"] as const;
/** Policies by name. */
export const POLICIES = ["latest", "every"] as const;
/** Keyword modes by name. */
const KEYWORDS = ["all", "used", "none"] as const;

/** What belongs to a channel besides its two ends. */
export interface Carriage {
  /** The wire. */
  readonly wire: Wire;
  /** What a slow line does; only our wire has a choice. */
  readonly policy: Policy;
  /** File with the key, absolute; only our wire has one. */
  readonly key: string | undefined;
  /** Frames that `every` may queue. */
  readonly queue: number | undefined;
  /** Large frames go straight into the receiving stream; only our wire. */
  readonly direct: boolean;
  /** Frames are packed for a thin line; only our wire, with `latest`. */
  readonly zstd: boolean;
  /** Keyword records sent with each frame. */
  readonly keywords: (typeof KEYWORDS)[number];
  /** Real-time priority, 0 = none. */
  readonly priority: number;
  /** Cores to run on. */
  readonly cpus: readonly number[];
}

/** What holds where nothing is said. */
export const PLAIN_CARRIAGE: Carriage = {
  wire: "milk",
  policy: "latest",
  key: undefined,
  queue: undefined,
  direct: false,
  zstd: false,
  keywords: "all",
  priority: 0,
  cpus: [],
};

/** One stream's way from a host to another. */
export interface Channel extends Carriage {
  /** The stream. */
  readonly name: string;
  /** The group of the table. */
  readonly group: string;
  /** Where it comes from. */
  readonly from: Host;
  /** Where it goes. */
  readonly to: Host;
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** Data type. */
  readonly type: DataType;
  /** Port that the receiving end listens on. */
  readonly port: number;
  /** Where the table says so. */
  readonly place: Place;
}

/** A table as it was read. */
export interface ChannelTable {
  /** Its file. */
  readonly path: string;
  /** Hosts in the order of the file. */
  readonly hosts: readonly Host[];
  /** Channels in the order of the file. */
  readonly channels: readonly Channel[];
}

/** Reads hosts and channels, and gathers what is wrong. */
class TableReader {
  readonly problems: Problem[] = [];
  readonly #path: string;
  readonly #hosts = new Map<string, Host & { place: Place }>();
  readonly #channels: Channel[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  read(text: string): ChannelTable {
    const path = this.#path;
    let root: Section;
    try {
      const { root: table, duplicates } = readToml(text);
      this.problems.push(...duplicates);
      root = new Section("the file", table, this.problems);
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      this.problems.push(error.problem);
      return { path, hosts: [], channels: [] };
    }
    const defaults = root.section("defaults");
    for (const host of root.sections("hosts")) this.#host(host);
    for (const group of root.sections("channels")) {
      this.#group(group, defaults);
    }
    root.finish();
    this.#checkDefaults(defaults);
    this.#checkPorts();
    this.#checkNames();
    this.problems.sort((a, b) => a.line - b.line || a.column - b.column);
    return {
      path,
      hosts: [...this.#hosts.values()],
      channels: this.#channels,
    };
  }

  #host(section: Section): void {
    const { name, place } = section;
    const address = section.text("address", { required: true }) ?? "";
    const host = {
      name,
      place,
      role: section.text("role") ?? name,
      address,
      ssh: section.text("ssh") ?? address,
      receive: section.text("receive"),
    };
    section.finish();
    if (address !== "" && !/^[\w.:-]+$/.test(address)) {
      section.problem("address", `"${address}" is no host name or address`);
    }
    for (const other of this.#hosts.values()) {
      const role = host.role.toLowerCase();
      if (other.address === address && address !== "") {
        section.problem("address", `"${other.name}" has the same address`);
      }
      if (
        [other.role, other.name].some((word) => word.toLowerCase() === role)
      ) {
        section.problem("role", `"${other.name}" has the same role`);
      }
    }
    this.#hosts.set(name, host);
  }

  /** A default's errors are told once, and not at each group. */
  #checkDefaults(defaults: Section): void {
    carriage(defaults, undefined);
    sizeOf(defaults);
    typeOf(defaults);
    defaults.finish();
  }

  #end(section: Section, key: "from" | "to"): Host | undefined {
    const name = section.text(key, { required: true });
    if (name === undefined) return undefined;
    const host = this.#hosts.get(name);
    if (host === undefined) {
      const known = [...this.#hosts.keys()].join(", ") || "none";
      section.problem(key, `There is no host "${name}" (known: ${known})`);
    }
    return host;
  }

  #group(section: Section, defaults: Section): void {
    const from = this.#end(section, "from");
    const to = this.#end(section, "to");
    const names = this.#names(section);
    const port = section.integer("port", 1, 65535, { required: true });
    const size = sizeOf(section) ?? sizeOf(defaults, true);
    const type = typeOf(section) ?? typeOf(defaults, true);
    const shared = this.#carriage(section, defaults);
    if (size === undefined && !section.has("size")) section.missing("size");
    if (type === undefined && !section.has("type")) section.missing("type");
    section.finish();
    if (from !== undefined && from === to) {
      section.problem("to", `It goes from "${from.name}" to itself`);
      return;
    }
    if (
      from === undefined || to === undefined || port === undefined ||
      size === undefined || type === undefined
    ) return;
    for (const { name, number } of names) {
      if (port + number > 65535) {
        section.problem("port", `Port ${port} + ${number} is above 65535`);
        return;
      }
      this.#channels.push({
        ...shared,
        name,
        group: section.name,
        from,
        to,
        size,
        type,
        port: port + number,
        place: section.place,
      });
    }
  }

  /** What only our own wire has must not be believed of milk's. */
  #carriage(section: Section, defaults: Section): Carriage {
    const shared = carriage(section, defaults);
    const { wire, key, queue, policy, direct, zstd } = shared;
    const own = Object.entries({
      key: key !== undefined,
      queue: queue !== undefined,
      policy: policy === "every",
      direct,
      zstd,
    }).find(([, given]) => given)?.[0];
    if (wire === "milk" && own !== undefined) {
      section.problem(
        own,
        `"${own}" in "${section.name}" asks for our own ` +
          'wire: add wire = "shmim"',
      );
    }
    if (zstd && policy === "every") {
      section.problem(
        "zstd",
        '"zstd" sends the newest frames: no policy ' +
          '"every"',
      );
    }
    return key === undefined
      ? shared
      : { ...shared, key: resolve(dirname(this.#path), key) };
  }

  #names(section: Section): { name: string; number: number }[] {
    const patterns = section.texts("streams", { required: true }) ?? [];
    try {
      const names = patterns.length === 1
        ? expandNames(patterns[0] ?? "")
        : patterns.flatMap((one) => expandNames(one)).map(({ name }, i) => ({
          name,
          number: i,
        }));
      for (const { name } of names) requireName(name);
      return names;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      section.problem("streams", error.message);
      return [];
    }
  }

  /** Two receivers of one host cannot listen on one port. */
  #checkPorts(): void {
    const taken = new Map<string, Channel>();
    const told = new Set<string>();
    for (const channel of this.#channels) {
      const key = `${channel.to.name}:${channel.port}`;
      const other = taken.get(key);
      taken.set(key, other ?? channel);
      const pair = `${other?.group} ${channel.group}`;
      if (other === undefined || told.has(pair)) continue;
      told.add(pair);
      this.problems.push({
        ...channel.place,
        message: `Ports overlap: "${channel.name}" and "${other.name}" (line ` +
          `${other.place.line}) both use ${channel.port} on ` +
          `"${channel.to.name}"`,
      });
    }
  }

  /** One stream has one bridge: a second would claim the destination, too. */
  #checkNames(): void {
    const seen = new Map<string, Channel>();
    for (const channel of this.#channels) {
      const other = seen.get(channel.name);
      if (other === undefined) seen.set(channel.name, channel);
      else {
        this.problems.push({
          ...channel.place,
          message: `"${channel.name}" has a channel already, in line ` +
            other.place.line,
        });
      }
    }
  }
}

function sizeOf(section: Section, quiet = false): number[] | undefined {
  const axes = section.integers("size", 1, 0xFFFF_FFFF, quiet);
  if (axes === undefined || (axes.length >= 1 && axes.length <= 3)) {
    return axes;
  }
  if (!quiet) section.problem("size", "A stream has 1 to 3 axes");
  return undefined;
}

function typeOf(section: Section, quiet = false): DataType | undefined {
  const text = section.text("type", { quiet });
  if (text === undefined) return undefined;
  try {
    return parseType(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    if (!quiet) section.problem("type", error.message);
    return undefined;
  }
}

/** Keys that a group may leave to `[defaults]`. */
function carriage(section: Section, defaults: Section | undefined): Carriage {
  const find = <T>(
    read: (from: Section, quiet: boolean) => T | undefined,
  ): T | undefined =>
    read(section, false) ??
      (defaults === undefined ? undefined : read(defaults, true));
  const plain = PLAIN_CARRIAGE;
  return {
    wire: find((s, quiet) => s.choice("wire", WIRES, quiet)) ?? plain.wire,
    policy: find((s, quiet) => s.choice("policy", POLICIES, quiet)) ??
      plain.policy,
    key: find((s, quiet) => s.text("key", { quiet })),
    queue: find((s, quiet) => s.integer("queue", 1, 65536, { quiet })),
    zstd: find((s, quiet) => s.flag("zstd", quiet)) ?? plain.zstd,
    direct: find((s, quiet) => s.flag("direct", quiet)) ?? plain.direct,
    keywords: find((s, quiet) => s.choice("keywords", KEYWORDS, quiet)) ??
      plain.keywords,
    priority: find((s, quiet) => s.integer("priority", 0, 99, { quiet })) ??
      plain.priority,
    cpus: find((s, quiet) => s.integers("cpus", 0, 63, quiet)) ?? plain.cpus,
  };
}

/**
 * Reads a channel table.
 *
 * @param path Its file, for messages.
 * @param text What stands in it.
 * @returns The table, and everything that is wrong in it; only a table
 * without problems may be used.
 */
export function readTable(
  path: string,
  text: string,
): { table: ChannelTable; problems: readonly Problem[] } {
  const reader = new TableReader(path);
  const table = reader.read(text);
  return { table, problems: reader.problems };
}

/** The host that a role, or a host's own name, stands for. */
export function hostOf(table: ChannelTable, role: string): Host | undefined {
  const word = role.toLowerCase();
  return table.hosts.find((host) => host.role.toLowerCase() === word) ??
    table.hosts.find((host) => host.name.toLowerCase() === word);
}
