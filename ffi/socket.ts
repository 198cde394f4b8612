/**
 * Connections that Deno opened, handed to the helper: the net permission
 * holds because only such sockets can be taken.
 * @module
 */

import { check } from "./errno.ts";
import { cString, helper } from "./helper.ts";

/** A connected TCP socket of Deno. */
export interface ConnectedSocket {
  /** This end. */
  readonly localAddr: Deno.Addr;
  /** The other end. */
  readonly remoteAddr: Deno.Addr;
}

/** How long unacknowledged data may wait before the peer counts as dead. */
const DEAD_PEER_MS = 15_000n;

function tcp(address: Deno.Addr): Deno.NetAddr {
  if (address.transport !== "tcp") {
    throw new TypeError("Frames are carried over TCP");
  }
  return address;
}

/** Finds and duplicates a socket; inside `ffi/` only. */
export function takeSocket(socket: ConnectedSocket): number {
  const local = tcp(socket.localAddr);
  const remote = tcp(socket.remoteAddr);
  const fd = check(
    helper().shmim_socket_take(
      cString(local.hostname),
      local.port,
      cString(remote.hostname),
      remote.port,
    ),
    `take the connection to ${remote.hostname}:${remote.port}`,
  );
  const tuned = helper().shmim_socket_tune(fd, DEAD_PEER_MS);
  if (tuned < 0) helper().shmim_fd_close(fd);
  check(
    tuned,
    `watch the connection to ${remote.hostname}:${remote.port}`,
  );
  return fd;
}

/**
 * Limits what the kernel holds back unsent of a connection, so that what is
 * written last is not old when it leaves.
 */
export function limitUnsent(socket: ConnectedSocket, bytes: number): void {
  const fd = takeSocket(socket);
  const limited = helper().shmim_socket_unsent(fd, BigInt(bytes));
  helper().shmim_fd_close(fd);
  const { hostname, port } = tcp(socket.remoteAddr);
  check(limited, `limit the connection to ${hostname}:${port}`);
}
