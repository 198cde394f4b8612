/** What an option is, and those that every command takes. @module */

/** One option of a command. */
export interface OptionSpec {
  /** Long name without dashes. */
  readonly name: string;
  /** One letter, where there is one. */
  readonly short?: string;
  /**
   * Placeholder of the value; without it the option is a flag. All of it in
   * brackets: it may be left out, then the value is the empty text.
   */
  readonly value?: string;
  /** May be given several times. */
  readonly many?: boolean;
  /** What it does, for the help. */
  readonly help: string;
}

/** An option as it is typed, with its placeholder. */
export function optionSyntax({ name, value }: OptionSpec): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

/** Options that every command takes. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: "help", short: "h", help: "show this help" },
  { name: "debug", help: "show where an error comes from" },
  { name: "no-narrow", help: "keep permissions beyond what is needed" },
];
