/** What partitions refuse, in one line. @module */

/** A partition that is not there, not ours to change, or in use. */
export class PartitionError extends Error {
  /** Name of the class. */
  override name = "PartitionError";
}

/** What the daemon of another partition refuses. */
export class PeerRefusal extends PartitionError {
  /** Name of the class. */
  override name = "PeerRefusal";
}

/** A limit of a partition is reached; the message names it. */
export class PartitionLimitError extends PartitionError {
  /** Name of the class. */
  override name = "PartitionLimitError";
  /** The limit: `maxpgs` or `maxdpgs`. */
  readonly limit: string;

  /**
   * Makes the error.
   *
   * @param limit Its name, as `shmim ctl` takes it.
   * @param message One line.
   */
  constructor(limit: string, message: string) {
    super(message);
    this.limit = limit;
  }
}

/** A state file that cannot be used. */
export class StateFileError extends PartitionError {
  /** Name of the class. */
  override name = "StateFileError";
  /** Whether a later version wrote it. */
  readonly newer: boolean;

  /**
   * Makes the error.
   *
   * @param message One line.
   * @param newer Whether a later version wrote it.
   */
  constructor(message: string, newer: boolean) {
    super(message);
    this.newer = newer;
  }
}
