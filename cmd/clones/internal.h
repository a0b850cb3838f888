/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the spawner and the collector tell each other, over a socket of SOCK_SEQPACKET.
 */
#ifndef CMD_CLONES_INTERNAL_H
#define CMD_CLONES_INTERNAL_H

#include "cmd/clones/clones.h"

#define CLONE_STREAMS 2 /* standard output and standard error */

/** enum clones_event - of the spawner: what has happened to clone @n */
enum clones_event {
	CLONES_STARTED, /* its process; the read ends of its streams come along */
	CLONES_ENDED,   /* @value is its wait status */
	CLONES_FAILED,  /* no more clones can be started; the reason was printed; @value is the exit status */
};

struct clones_said {
	uint32_t event;
	uint32_t n;
	int32_t value;
};

/** struct clones_order - of the collector: send a signal to all clones, 0: none; start no more of them */
struct clones_order {
	int32_t signo;
};

/** clones_spawn() - the spawner's process. Does not return, in a clone neither. */
void clones_spawn(const struct clones_config *c, int sock) __attribute__((noreturn));

struct collector;

/** collector_new() - the command's part; makes every allocation. Return: 0 or -ENOMEM; the caller owns *@ret */
int collector_new(const struct clones_config *c, int sock, int signals, struct collector **ret);

/** collector_run() - until all clones have ended. Return: the exit status. Context: role SANDBOX_CLONES */
int collector_run(struct collector *k);

/** collector_free() - takes NULL */
void collector_free(struct collector *k);

#endif
