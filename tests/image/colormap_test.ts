import { assert, assertEquals } from "@std/assert";
import {
  COLOR_MAPS,
  colorMap,
  luminance,
  nearest256,
  SHADES,
} from "../../src/image/colormap.ts";

Deno.test("colorMap() begins and ends where the map does", () => {
  const ends = Object.fromEntries(COLOR_MAPS.map((name) => {
    const { colors } = colorMap(name);
    assertEquals(colors.length, SHADES);
    return [name, [colors[0], colors[SHADES - 1]]];
  }));
  assertEquals(ends, {
    viridis: [0x440154, 0xfde725],
    inferno: [0x000004, 0xfcffa4],
    grey: [0x000000, 0xffffff],
    diverging: [0x053061, 0x67001f],
  });
});

Deno.test("colorMap() becomes brighter from end to end", () => {
  for (const name of ["viridis", "inferno", "grey"] as const) {
    const lights = [...colorMap(name).colors].map(luminance);
    // Eight shades apart, where the rounding of a colour does no harm.
    const darker = lights.findIndex((light, i) =>
      i >= 8 && light <= (lights[i - 8] ?? 0)
    );
    assertEquals(darker, -1, `${name} gets darker at ${darker}`);
  }
});

Deno.test("colorMap() diverging is brightest at zero and darker on both sides", () => {
  const lights = [...colorMap("diverging").colors].map(luminance);
  const most = lights.indexOf(Math.max(...lights));
  assert(Math.abs(most - 127.5) < 2, `brightest at ${most}`);
});

Deno.test("colorMap() marks what is bad or saturated in colours of their own", () => {
  for (const name of COLOR_MAPS) {
    const { colors, bad, saturated, cursor } = colorMap(name);
    const far = (a: number, b: number): number =>
      [16, 8, 0].reduce(
        (sum, shift) => sum + Math.abs((a >> shift & 255) - (b >> shift & 255)),
        0,
      );
    assert(far(bad, saturated) > 100 && far(saturated, cursor) > 100, name);
    for (const color of colors) {
      assert(far(color, saturated) > 20, `${name} has its own ${color}`);
    }
  }
});

Deno.test("nearest256() finds exact colours of the cube and the greys", () => {
  assertEquals(nearest256(0x000000), 16);
  assertEquals(nearest256(0xffffff), 231);
  assertEquals(nearest256(0xff0000), 196);
  assertEquals(nearest256(0x5f87af), 67);
  assertEquals(nearest256(0x080808), 232);
  assertEquals(nearest256(0x808080), 244);
});
