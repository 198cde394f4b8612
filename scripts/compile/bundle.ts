/**
 * The program as a few JavaScript files of one flat folder, beside which the
 * helper lies. Commands stay in files of their own: a start loads what it
 * needs.
 * @module
 */

import { basename, dirname, join } from "@std/path";
import { fromFileUrl } from "../../std/path/from_file_url.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const TABLE = "src/commands/table.ts";
/** The helper's name beside the program. */
export const HELPER_NAME = "libshmim.so";

/** A bundled program. */
export interface Program {
  /** The file to start. */
  readonly entry: string;
  /** Text of each file, by its name. */
  readonly files: ReadonlyMap<string, string>;
}

const decoder = new TextDecoder();

async function deno(args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (success) return decoder.decode(stdout);
  throw new Error(`deno ${args[0]} failed:\n${decoder.decode(stderr).trim()}`);
}

/** What a module finds beside itself: workers, the helper. */
const BESIDE = /new URL\(\s*"([^"]+)",\s*import\.meta\.url,?\s*\)/g;

/** The modules of the project that a program starts beside its own. */
async function startedModules(
  entry: string,
  config: string,
): Promise<string[]> {
  const seen = new Set<string>();
  const started = new Set<string>();
  const look = async (module: string): Promise<void> => {
    const info = await deno(["info", "--json", "--config", config, module]);
    const { modules } = JSON.parse(info) as { modules: { local?: string }[] };
    for (const { local } of modules) {
      if (local?.startsWith(ROOT) !== true || seen.has(local)) continue;
      seen.add(local);
      const text = Deno.readTextFileSync(local);
      for (const [, target = ""] of text.matchAll(BESIDE)) {
        const path = join(dirname(local), target);
        if (!path.endsWith(".ts") || started.has(path)) continue;
        started.add(path);
        await look(path);
      }
    }
  };
  await look(entry);
  started.delete(entry);
  return [...started];
}

/** The table of commands with one of them only. */
export function tableOf(text: string, command: string): string {
  const entry =
    /\{\s*name: "([\w-]+)",[^{}]*?load: \(\) => import\("(\.\/[\w/-]+\.ts)"\),?\s*\},?/g;
  let kept = 0;
  const cut = text.replace(entry, (whole, name: string) => {
    if (name !== command) return "";
    kept += 1;
    return whole;
  });
  if (kept !== 1 || cut.match(/import\("/g)?.length !== 1) {
    throw new RangeError(`There is no command "${command}"`);
  }
  const folder = new URL(dirname(TABLE) + "/", `file://${ROOT}`).href;
  return cut.replace(
    /(from |import\()"(\.\.?\/[^"]+)"/g,
    (_, word: string, path: string) => `${word}"${new URL(path, folder).href}"`,
  );
}

/** Lays out what makes a program of a single command; returns its entry. */
function stageCommand(stage: string, command: string): string {
  const url = (path: string): string => new URL(path, `file://${ROOT}`).href;
  const table = Deno.readTextFileSync(ROOT + TABLE);
  Deno.writeTextFileSync(`${stage}/table.ts`, tableOf(table, command));
  const config = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
  const imports: Record<string, string> = { [url(TABLE)]: "./table.ts" };
  for (const [name, path] of Object.entries<string>(config.imports)) {
    imports[name] = path.startsWith("./") ? url(path) : path;
  }
  Deno.writeTextFileSync(
    `${stage}/deno.json`,
    JSON.stringify({ ...config, imports, lock: false, tasks: {} }),
  );
  Deno.writeTextFileSync(
    `${stage}/cli.ts`,
    `import { main } from ${JSON.stringify(url("cli.ts"))};
const own = Deno.args[0] === "--version" ? [] : [${JSON.stringify(command)}];
Deno.exit(await main([...own, ...Deno.args]));
`,
  );
  return `${stage}/cli.ts`;
}

function* filesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

/** Where each module that is started came out. */
type Outputs = ReadonlyMap<string, string>;

/**
 * In a bundle `import.meta.url` is the chunk's: what a module looks for beside
 * itself is named as it lies in the flat folder. The bundler writes above each
 * module where it came from.
 */
function relocate(text: string, outputs: Outputs): string {
  let source = "";
  return text.split(/^(?=\/\/ \S+\.[jt]s$)/m).map((part) => {
    source = /^\/\/ (\S+\.[jt]s)$/m.exec(part)?.[1] ?? source;
    const folder = dirname(join(ROOT, source));
    return part.replace(BESIDE, (_, target: string) => {
      const path = join(folder, target);
      if (path === ROOT) return 'new URL("./", import.meta.url)';
      const name = basename(path) === HELPER_NAME
        ? HELPER_NAME
        : outputs.get(path);
      if (name === undefined) {
        throw new Error(`"${source}" needs "${target}", which is not bundled`);
      }
      return `new URL("./${name}", import.meta.url)`;
    });
  }).join("").replace(
    /(\bfrom |\bimport |\bimport\()"\.\.?\/(?:[^"]*\/)?([^"/]+\.js)"/g,
    `$1"./$2"`,
  );
}

/**
 * Bundles the whole tool, or one of its commands.
 *
 * @param stage An empty folder to work in.
 * @param command The one command; default: the whole tool.
 */
export async function bundle(
  stage: string,
  command?: string,
): Promise<Program> {
  const entry = command === undefined
    ? `${ROOT}cli.ts`
    : stageCommand(stage, command);
  const config = command === undefined
    ? `${ROOT}deno.json`
    : `${stage}/deno.json`;
  const started = await startedModules(entry, config);
  const folder = `${stage}/bundle`;
  await deno([
    "bundle",
    "--quiet",
    "--config",
    config,
    "--code-splitting",
    "--outdir",
    folder,
    entry,
    ...started,
  ]);
  const paths = [...filesBelow(folder)];
  const outputs = new Map<string, string>();
  for (const module of [entry, ...started]) {
    const ending = basename(module).replace(/\.ts$/, ".js");
    outputs.set(module, ending);
  }
  if (new Set(paths.map((path) => basename(path))).size !== paths.length) {
    throw new Error("Two files of the bundle have the same name");
  }
  const files = new Map<string, string>();
  for (const path of paths) {
    files.set(basename(path), relocate(Deno.readTextFileSync(path), outputs));
  }
  for (const name of outputs.values()) {
    if (!files.has(name)) throw new Error(`The bundle lacks "${name}"`);
  }
  return { entry: basename(entry).replace(/\.ts$/, ".js"), files };
}
