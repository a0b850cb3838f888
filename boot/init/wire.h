/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vmm and the init of a guest that runs one command (init.c) say to each other, by the first of three ports of a
 * virtio console; the others are the command's standard output with its input, and its standard error.
 *
 * Each direction is a stream of records: a struct init_record, then @size bytes. The host begins with what the machine
 * has (INIT_MOUNT). When the guest has answered INIT_READY, all that the command is follows, up to INIT_RUN; a snapshot
 * of the guest is taken in between, so that every guest that is restored can be given another command. Each of the two
 * begins with INIT_SETUP. Numbers are little-endian.
 */
#ifndef BOOT_INIT_WIRE_H
#define BOOT_INIT_WIRE_H

#include <stdint.h>

enum init_port { INIT_PORT_CONTROL, INIT_PORT_STDIO, INIT_PORT_STDERR, INIT_PORTS };

/* Names of the ports, as in /sys/class/virtio-ports */
#define INIT_PORT_NAMES "vmm.control", "vmm.stdio", "vmm.stderr"

/* Modules in the initramfs, and the list of their names, a line each, in the order in which they are loaded */
#define INIT_MODULES      "/modules"
#define INIT_MODULES_LIST "/modules/list"

#define INIT_SETUP_MAX  (4 << 20) /* bytes of all these records; Linux has a limit of 2 MiB for an exec */
#define INIT_ANSWER_MAX 512       /* bytes of a record of the guest */
#define INIT_SEED_BYTES 64

/**
 * struct init_record - the head of a record
 * @kind: enum init_kind from the host, enum init_answer from the guest
 * @size: of what follows
 */
struct init_record {
	uint32_t kind;
	uint32_t size;
};

/**
 * enum init_kind - from the host
 * @INIT_SETUP: the first one of each of the two: 32 bits, the bytes of its other records
 * @INIT_SEED: INIT_SEED_BYTES for the kernel's pool
 * @INIT_TIME: 64 bits, the time in ns since 1970
 * @INIT_IDS: 32 bits each: user, group, and the other groups
 * @INIT_STREAMS: struct init_streams
 * @INIT_MOUNT: a tag and an absolute path, each with its NUL: a share, and where it goes; the first one is the root
 * @INIT_OUT: absolute path with its NUL: a directory of the command's user, whose files are sent at the end
 * @INIT_DIR: absolute path with its NUL: the working directory
 * @INIT_ENV: a variable with its NUL; one record each
 * @INIT_ARG: a word of the command with its NUL; one record each
 * @INIT_RUN: that was all, run it
 * @INIT_END: after INIT_RUN: 64 bits: standard input ends after so many bytes
 * @INIT_WINDOW: after INIT_RUN: struct init_window, the terminal's size
 * @INIT_SIGNAL: after INIT_RUN: 32 bits: send the command this signal
 * @INIT_CLOSED: after INIT_RUN: 32 bits, 1 or 2: nobody reads standard output or error any more
 */
enum init_kind {
	INIT_SETUP,
	INIT_SEED,
	INIT_TIME,
	INIT_IDS,
	INIT_STREAMS,
	INIT_MOUNT,
	INIT_DIR,
	INIT_ENV,
	INIT_ARG,
	INIT_RUN,
	INIT_END,
	INIT_WINDOW,
	INIT_SIGNAL,
	INIT_CLOSED,
	INIT_OUT,
};

struct init_window {
	uint16_t rows;
	uint16_t columns;
};

/**
 * struct init_streams - @terminal: bit N: descriptor N is the terminal, whose size is @window; input and output
 * both are, or none
 */
struct init_streams {
	uint32_t terminal;
	struct init_window window;
};

/**
 * enum init_answer - from the guest
 * @INIT_STARTED: the command runs; no bytes
 * @INIT_EXITED: 32 bits: it exited with this status, and all that it wrote has been sent
 * @INIT_KILLED: 32 bits: a signal ended it
 * @INIT_FAILED: a text without NUL: why it cannot be run
 * @INIT_READY: what the machine has is in its place; no bytes
 * @INIT_FILES: any number of bytes, of the stream of struct init_file that all of these records make
 */
enum init_answer { INIT_STARTED, INIT_EXITED, INIT_KILLED, INIT_FAILED, INIT_FILES, INIT_READY };

#define INIT_FILES_DEPTH 32 /* directories in each other */

/**
 * enum init_file_kind
 * @INIT_FILE_DIR: a directory, in which what follows is
 * @INIT_FILE_UP: out of it
 * @INIT_FILE_REGULAR: a file
 * @INIT_FILE_END: that was all
 */
enum init_file_kind { INIT_FILE_DIR, INIT_FILE_UP, INIT_FILE_REGULAR, INIT_FILE_END };

/**
 * struct init_file - a file or a directory of INIT_OUT
 * @kind: enum init_file_kind
 * @name: bytes of its name, which follows; at the end and on the way out there is none
 * @mode: permissions
 * @size: bytes of a file, which follow its name; at the end, how many entries were left out
 */
struct init_file {
	uint16_t kind;
	uint16_t name;
	uint32_t mode;
	uint64_t size;
};

#endif
