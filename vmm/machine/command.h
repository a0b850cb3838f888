/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command that a guest runs (`vmm --root PATH -- COMMAND`): what it is, and its streams. The other side is the init
 * in the guest, boot/init/init.c; boot/init/wire.h is what they say to each other.
 *
 * The guest is hostile, init with it: it can say any status and write any output, and nothing else follows from what it
 * says.
 *
 * For vmm/machine only.
 */
#ifndef VMM_MACHINE_COMMAND_H
#define VMM_MACHINE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

struct config;
struct machine;
struct machine_command;
struct machine_stdio;
struct virtio_port_params;

/**
 * machine_command_open() - open the streams and the kernel's modules, and note what is to be run; does nothing
 * without a command
 *
 * Return: 0 or a negative errno, with a message in @e. Context: stage OPEN. Trust: operator.
 */
int machine_command_open(struct machine *m, const struct machine_stdio *stdio, struct err *e);

/** machine_command_ports() - the host ends of the device's ports. Return: their number, 0: there is no command. */
unsigned machine_command_ports(struct machine *m, const struct virtio_port_params **ret);

/**
 * machine_command_attach() - after the devices were made: let the streams flow; before a machine is restored
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int machine_command_attach(struct machine *m, struct err *e);

/**
 * machine_command_pack() - the initramfs that runs the command
 * @ret: owned by the caller
 *
 * Return: 0 or a negative errno, with a message in @e. Context: stage BUILD, once.
 */
int machine_command_pack(struct machine *m, void **ret, size_t *ret_size, struct err *e);

/**
 * machine_command_signal() - send the command's processes a signal. Return: false: there is no command, or it does not
 * run yet. The loop.
 */
bool machine_command_signal(struct machine *m, int signo);

/** machine_command_finish() - after the CPUs and devices have stopped: write what is left of its output and files */
void machine_command_finish(struct machine *m);

/** machine_command_destroy() - takes NULL; before the devices are destroyed */
void machine_command_destroy(struct machine_command *c);

/* --- command_setup.c: what init is told ---------------------------------------------------------------------- */

/**
 * struct command_setup - records of boot/init/wire.h in the making
 * @bytes: owned, @size of @room bytes
 * @command: where those of the command begin; @size: there is none
 * @part: where the part begins that is being made
 */
struct command_setup {
	uint8_t *bytes;
	size_t size;
	size_t room;
	size_t command;
	size_t part;
};

/**
 * command_setup_make() - what a machine that boots has, and all that the command is, but time and seed
 * @terminal: bits of the streams that are one; its size is that of @fd
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int command_setup_make(const struct config *c, uint32_t terminal, int fd, struct command_setup *ret, struct err *e);

/** command_setup_end() - add a seed, the time and the end to a command. Return: 0 or -ENOMEM. */
int command_setup_end(struct command_setup *s);

/** command_setup_now() - the command's time is now; after command_setup_end(). Does not allocate. */
void command_setup_now(struct command_setup *s);

#endif
