/** The waves against their formulas, written here once more. */

import { assert, assertEquals } from "@std/assert";
import {
  phaseAt,
  type Wave,
  waveNamed,
  WAVES,
  waveSample,
} from "../../src/sysv/wave.ts";

/** As the description has them; m is the largest sample. */
const FORMULAS: Readonly<Record<Wave, (u: number, m: number) => number>> = {
  SIN: (u, m) => m / 2 + m / 2 * Math.sin(2 * Math.PI * u),
  TRI: (u, m) => m * (1 - Math.abs(2 * u - 1)),
  QUA: (u, m) =>
    u < 1 / 2
      ? m / 2 + m / 2 * (1 - (4 * u - 1) ** 2)
      : m / 2 - m / 2 * (1 - (4 * u - 3) ** 2),
};

Deno.test.each([...WAVES])(
  "waveSample(): %s holds its formula over two periods at a fine step",
  (wave) => {
    const period = 2.5;
    const steps = 20_000;
    for (const resolution of [1, 8, 10, 16, 32]) {
      const m = 2 ** resolution - 1;
      for (let k = 0; k < steps; k++) {
        const seconds = 2 * period * k / steps;
        const u = seconds / period % 1;
        const phase = phaseAt(seconds, period);
        assert(Math.abs(phase - u) < 1e-12, `${phase}, not ${u}`);
        const exact = FORMULAS[wave](u, m);
        const sample = waveSample(wave, phase, resolution);
        assert(
          Math.abs(sample - exact) <= 0.5 + m * 1e-12,
          `${wave} at ${u}: ${sample}, not ${exact}`,
        );
        assert(Number.isInteger(sample) && sample >= 0 && sample <= m);
      }
    }
  },
);

Deno.test.each(
  [
    ["SIN", [512, 1023, 512, 0]],
    ["TRI", [0, 512, 1023, 512]],
    ["QUA", [512, 1023, 512, 0]],
  ] as [Wave, number[]][],
)("waveSample(): %s at the quarters of its period", (wave, expected) => {
  const samples = [0, 1, 2, 3].map((n) => waveSample(wave, n / 4, 10));
  assertEquals(samples, expected);
});

Deno.test("waveNamed() takes a wave however it is spelled, and no other", () => {
  assertEquals(["sin", "Qua", "TRI"].map(waveNamed), ["SIN", "QUA", "TRI"]);
  assertEquals(["", "COS", "SINE", "constructor"].map(waveNamed), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("phaseAt() is always from 0 up to 1", () => {
  for (const seconds of [0, 1e-300, 1 - 2 ** -53, 1, 3.3, 1e15]) {
    const phase = phaseAt(seconds, 1.1);
    assert(phase >= 0 && phase < 1, `${seconds}: ${phase}`);
  }
});
