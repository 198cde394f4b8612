export declare function unicodeWidth(text: string): number;
