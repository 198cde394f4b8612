/**
 * The table of commands: dispatch, help, permission sets and completions all
 * come from it. A command's own file is loaded when it is called.
 * @module
 */

import type { CommandEntry } from "../cli/command.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "create",
    summary: "make a stream",
    load: () => import("./create.ts"),
  },
  {
    name: "ls",
    summary: "list streams with type, size, frames, writer and readers",
    load: () => import("./ls.ts"),
  },
  {
    name: "info",
    summary: "everything about one stream",
    load: () => import("./info.ts"),
  },
  {
    name: "read",
    summary: "frames as statistics, numbers or files",
    load: () => import("./read.ts"),
  },
  {
    name: "watch",
    summary: "the image live in the terminal",
    load: () => import("./watch.ts"),
  },
  {
    name: "top",
    summary: "all streams live in one table",
    load: () => import("./top.ts"),
  },
  {
    name: "write",
    summary: "frames from a file, standard input or a pattern",
    load: () => import("./write.ts"),
  },
  {
    name: "poke",
    summary: "publish once more without new pixels",
    load: () => import("./poke.ts"),
  },
  {
    name: "keyword",
    summary: "list, read, set and delete keywords",
    load: () => import("./keyword.ts"),
  },
  {
    name: "stat",
    summary: "times between frames, pixels over many",
    load: () => import("./stat.ts"),
  },
  {
    name: "compare",
    summary: "hold two streams against each other",
    load: () => import("./compare.ts"),
  },
  {
    name: "copy",
    summary: "one stream into another, once or from now on",
    load: () => import("./copy.ts"),
  },
  {
    name: "convert",
    summary: "a stream in another format, once or from now on",
    load: () => import("./convert.ts"),
  },
  { name: "rm", summary: "remove streams", load: () => import("./rm.ts") },
  {
    name: "load",
    summary: "a FITS file into a stream, where something changed",
    load: () => import("./load.ts"),
  },
  {
    name: "save",
    summary: "frames of a stream into a FITS file",
    load: () => import("./save.ts"),
  },
  {
    name: "record",
    summary: "every frame of streams into FITS cubes",
    load: () => import("./record.ts"),
  },
  {
    name: "replay",
    summary: "recorded cubes into a stream, each frame at its time",
    load: () => import("./replay.ts"),
  },
  {
    name: "snapshot",
    summary: "all streams of a folder into files",
    load: () => import("./snapshot.ts"),
  },
  {
    name: "restore",
    summary: "the streams of a snapshot, back",
    load: () => import("./restore.ts"),
  },
  {
    name: "link",
    summary: "point one stream's name at another",
    load: () => import("./link.ts"),
  },
  {
    name: "transmit",
    summary: "send a stream to a receiver, milk's or ours",
    load: () => import("./transmit.ts"),
  },
  {
    name: "receive",
    summary: "take streams from transmitters, milk's or ours",
    load: () => import("./receive.ts"),
  },
  {
    name: "device",
    summary: "a virtual device: a wave in a System V segment",
    load: () => import("./device.ts"),
  },
  {
    name: "client",
    summary: "reads the virtual device",
    load: () => import("./client.ts"),
  },
  {
    name: "sysv",
    summary: "list and remove System V segments, tell their limits",
    load: () => import("./sysv.ts"),
  },
  {
    name: "bridge",
    summary: "set up, watch and stop channels by name",
    load: () => import("./bridge.ts"),
  },
  {
    name: "doctor",
    summary: "what ails this host, and what mends it",
    load: () => import("./doctor.ts"),
  },
  {
    name: "clean",
    summary: "remove what dead processes left",
    load: () => import("./clean.ts"),
  },
  {
    name: "daemon",
    summary: "keeps what a partition shares and mounts",
    load: () => import("./daemon.ts"),
  },
  {
    name: "ctl",
    summary: "start, stop, set and look at daemons",
    load: () => import("./ctl.ts"),
  },
  {
    name: "share",
    summary: "let other partitions mount a stream",
    load: () => import("./share.ts"),
  },
  {
    name: "mount",
    summary: "a stream of another partition, here",
    load: () => import("./mount.ts"),
  },
  {
    name: "unshare",
    summary: "take a shared stream back",
    load: () => import("./unshare.ts"),
  },
  {
    name: "umount",
    summary: "take a mounted stream away",
    load: () => import("./umount.ts"),
  },
  {
    name: "shares",
    summary: "what is shared, mounted and offered",
    load: () => import("./shares.ts"),
  },
  {
    name: "carry",
    summary: "carries streams of one peer, as a daemon starts it",
    load: () => import("./carry.ts"),
  },
  {
    name: "ferry",
    summary: "carries segments of one peer, as a daemon starts it",
    load: () => import("./ferry.ts"),
  },
  {
    name: "demo",
    summary: "a stream crosses a bridge on this machine",
    load: () => import("./demo.ts"),
  },
  {
    name: "install-names",
    summary: "the names that people know: dmdispbridge, Fits2shm, …",
    load: () => import("./install_names.ts"),
  },
  {
    name: "completion",
    summary: "lets bash, zsh or fish complete command lines",
    load: () => import("./completion.ts"),
  },
  {
    name: "man",
    summary: "writes the manual pages",
    load: () => import("./man.ts"),
  },
  {
    name: "permissions",
    summary: "the exact permissions of a call",
    load: () => import("./permissions.ts"),
  },
];
