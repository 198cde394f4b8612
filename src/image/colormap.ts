/**
 * Colour maps: 256 colours from dark to bright, and the colours of what has
 * no place among them.
 * @module
 */

/** Names of the colour maps, in the order in which a key goes through them. */
export const COLOR_MAPS = ["viridis", "inferno", "grey", "diverging"] as const;

/** Name of a colour map. */
export type ColorMapName = typeof COLOR_MAPS[number];

/** A colour as 0xRRGGBB. */
export type Rgb = number;

/** Colours of a colour map. */
export const SHADES = 256;

/** A colour map. */
export interface ColorMap {
  /** Its name. */
  readonly name: ColorMapName;
  /** 256 colours, from the lowest value to the highest. */
  readonly colors: Uint32Array;
  /** Whether its middle stands for zero. */
  readonly diverging: boolean;
  /** What is not a number. */
  readonly bad: Rgb;
  /** What is saturated. */
  readonly saturated: Rgb;
  /** The cursor. */
  readonly cursor: Rgb;
}

/** Colours at equal distances; between them the parts are mixed. */
const STOPS: Readonly<Record<ColorMapName, string>> = {
  viridis: "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b " +
    "fde725",
  inferno: "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d " +
    "fcffa4",
  grey: "000000 ffffff",
  diverging: "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d " +
    "b2182b 67001f",
};

/** Colours that a map does not have itself: bad, saturated, cursor. */
const MARKS: Readonly<Record<ColorMapName, readonly [Rgb, Rgb, Rgb]>> = {
  viridis: [0x808080, 0xff3030, 0xff00c8],
  inferno: [0x4060a0, 0x00e5ff, 0x00ff40],
  grey: [0x703090, 0xff3030, 0x00ff40],
  diverging: [0x505050, 0xffd000, 0x00c000],
};

function mix(low: Rgb, high: Rgb, share: number): Rgb {
  let color = 0;
  for (const shift of [16, 8, 0]) {
    const from = low >> shift & 0xff;
    const to = high >> shift & 0xff;
    color |= Math.round(from + (to - from) * share) << shift;
  }
  return color;
}

function make(name: ColorMapName): ColorMap {
  const stops = STOPS[name].split(" ").map((text) => parseInt(text, 16));
  const colors = Uint32Array.from({ length: SHADES }, (_, i) => {
    const place = i / (SHADES - 1) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    return mix(stops[below] ?? 0, stops[below + 1] ?? 0, place - below);
  });
  const [bad, saturated, cursor] = MARKS[name];
  const diverging = name === "diverging";
  return { name, colors, diverging, bad, saturated, cursor };
}

const made = new Map<ColorMapName, ColorMap>();

/** A colour map. */
export function colorMap(name: ColorMapName): ColorMap {
  const map = made.get(name) ?? make(name);
  made.set(name, map);
  return map;
}

/** How bright a colour looks, 0 to 1. */
export function luminance(color: Rgb): number {
  const linear = (part: number): number => {
    const share = (part & 0xff) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(color >> 16) + 0.7152 * linear(color >> 8) +
    0.0722 * linear(color);
}

const CUBE = [0, 95, 135, 175, 215, 255];

/** The step of the 6x6x6 cube that is nearest to a part of a colour. */
function cubeStep(part: number): number {
  return part < 48 ? 0 : part < 115 ? 1 : Math.floor((part - 35) / 40);
}

/**
 * The nearest of the 256 colours that terminals have: of the 6x6x6 cube or
 * of the greys; never one of the first 16, which users change.
 */
export function nearest256(color: Rgb): number {
  const parts = [color >> 16 & 0xff, color >> 8 & 0xff, color & 0xff];
  const steps = parts.map(cubeStep);
  const mean = parts.reduce((sum, part) => sum + part, 0) / 3;
  const grey = Math.min(23, Math.max(0, Math.round((mean - 8) / 10)));
  const distance = (other: (i: number) => number): number =>
    parts.reduce((sum, part, i) => sum + (part - other(i)) ** 2, 0);
  const toCube = distance((i) => CUBE[steps[i] ?? 0] ?? 0);
  if (distance(() => 8 + 10 * grey) < toCube) return 232 + grey;
  const [r = 0, g = 0, b = 0] = steps;
  return 16 + 36 * r + 6 * g + b;
}
