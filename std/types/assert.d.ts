// deno-lint-ignore-file no-explicit-any
export declare class AssertionError extends Error {}
type ErrorClass<E> = new (...args: any[]) => E;
export declare function assert(value: unknown, message?: string): asserts value;
export declare function assertEquals<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
export declare function assertNotEquals<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
export declare function assertGreater<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
export declare function assertLess<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
export declare function assertMatch(
  actual: string,
  expected: RegExp,
  message?: string,
): void;
export declare function assertStringIncludes(
  actual: string,
  expected: string,
  message?: string,
): void;
export declare function assertInstanceOf<E>(
  actual: unknown,
  expected: abstract new (...args: any[]) => E,
  message?: string,
): asserts actual is E;
export declare function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
  message?: string,
): E;
export declare function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: ErrorClass<E>,
  includes?: string,
  message?: string,
): Promise<E>;
