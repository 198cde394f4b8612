/**
 * Where a host listens, as people write it: `192.168.2.2:8886`, `[::1]:8886`.
 * @module
 */

/** A host and its port. */
export interface Endpoint {
  /** Name or address, without brackets. */
  readonly hostname: string;
  /** Port. */
  readonly port: number;
}

/** A host in front of `:PORT`: an IPv6 address in brackets. */
function bracketed(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/** Host and port as one text, which {@linkcode readEndpoint} reads. */
export function showEndpoint(hostname: string, port: number): string {
  return `${bracketed(hostname)}:${port}`;
}

/**
 * Reads `HOST:PORT` or `[ADDRESS]:PORT`.
 *
 * @param text What was written.
 * @param fallback The host where `PORT` stands alone. Default: it must not.
 * @returns `undefined` where it is neither. Whether there is such a port is
 * for the caller to say.
 */
export function readEndpoint(
  text: string,
  fallback?: string,
): Endpoint | undefined {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d+)$/.exec(text);
  const hostname = match?.[1] ?? match?.[2] ?? fallback;
  if (match === null || hostname === undefined) return undefined;
  return { hostname, port: Number(match[3]) };
}

/** A host without the brackets that an IPv6 address may be written in. */
export function bareHost(text: string): string {
  return text.replace(/^\[(.*)\]$/, "$1");
}
