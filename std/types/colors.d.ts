export declare function bold(text: string): string;
export declare function dim(text: string): string;
export declare function green(text: string): string;
export declare function red(text: string): string;
export declare function yellow(text: string): string;
