export declare function format(
  bytes: number,
  options?: {
    binary?: boolean;
    bits?: boolean;
    minimumFractionDigits?: number;
    maximumFractionDigits?: number;
  },
): string;
