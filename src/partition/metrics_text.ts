/** Counters and histograms as Prometheus reads them. @module */

/** What tells samples of one name apart. */
export type Labels = Readonly<Record<string, string | number>>;

function quoted(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

function inBraces(labels: Labels): string {
  const inside = Object.entries(labels)
    .map(([key, label]) => `${key}="${quoted(String(label))}"`).join(",");
  return inside === "" ? "" : `{${inside}}`;
}

/** A histogram. */
export interface Histogram {
  /** How many were at most so large; bounds rise. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
  /** Sum of all. */
  readonly sum: number;
  /** How many. */
  readonly count: number;
}

/**
 * What is told of each thing of a kind: a name, what it counts, and how it is
 * read off. `undefined`: not known of this one.
 */
export type MetricsTable<Thing> = readonly (readonly [
  name: string,
  kind: "counter" | "gauge",
  help: string,
  value: (thing: Thing) => number | boolean | undefined,
])[];

/** The text, as it grows. Every name begins with `shmim_`. */
export class MetricsText {
  readonly #lines: string[] = [];

  #head(name: string, kind: string, help: string): string {
    const whole = `shmim_${name}`;
    this.#lines.push(`# HELP ${whole} ${help}`, `# TYPE ${whole} ${kind}`);
    return whole;
  }

  #sample(name: string, labels: Labels, value: number): void {
    this.#lines.push(`${name}${inBraces(labels)} ${value}`);
  }

  /** Adds every metric of a table, each with a sample of every thing. */
  table<Thing>(
    metrics: MetricsTable<Thing>,
    things: readonly (readonly [Labels, Thing])[],
  ): void {
    for (const [name, kind, help, value] of metrics) {
      const whole = this.#head(name, kind, help);
      for (const [labels, thing] of things) {
        const found = value(thing);
        if (found !== undefined) this.#sample(whole, labels, Number(found));
      }
    }
  }

  /** Adds histograms. */
  histograms(
    name: string,
    help: string,
    samples: readonly (readonly [Labels, Histogram])[],
  ): void {
    const whole = this.#head(name, "histogram", help);
    for (const [labels, { buckets, sum, count }] of samples) {
      for (const [bound, value] of buckets) {
        this.#sample(`${whole}_bucket`, { ...labels, le: bound }, value);
      }
      this.#sample(`${whole}_bucket`, { ...labels, le: "+Inf" }, count);
      this.#sample(`${whole}_sum`, labels, sum);
      this.#sample(`${whole}_count`, labels, count);
    }
  }

  /** All of it. */
  toString(): string {
    return this.#lines.join("\n") + "\n";
  }
}
