/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages of security/sandbox.h as a command goes through them, and what it tells the operator of them.
 *
 *	plan_...(&c.plan);
 *	sandbox_early(&c.sandbox, &c.plan, e);
 *	sandbox_open(&c.sandbox, trace);
 *	...						everything that has a path
 *	plan_...confine(..., confinement_complaints(&c), &c.plan);
 *	confinement_enter(&c, terminal, e);
 *	...						everything that parses, and threads
 *	confinement_close(&c);
 */
#ifndef CMD_CONFINEMENT_H
#define CMD_CONFINEMENT_H

#include "security/sandbox.h"
#include "vmm/host/nbio.h"

struct terminal;

/**
 * struct confinement - start from CONFINEMENT_NONE; borrowed by every thread that locks itself
 * @complaints: where a trapped call is told: stderr, without blocking
 */
struct confinement {
	struct sandbox_plan plan;
	struct sandbox sandbox;
	struct nbio complaints;
};

#define CONFINEMENT_NONE ((struct confinement){.complaints = NBIO_CLOSED})

/**
 * confinement_complaints() - open that
 *
 * Return: the fd, or -1: a closed stderr is told nothing. Context: OPEN stage.
 */
int confinement_complaints(struct confinement *c);

/**
 * confinement_enter() - CONFINE, and the beginning of BUILD; says what the operator has to know
 * @terminal: whose handlers stay from now on, or NULL
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int confinement_enter(struct confinement *c, struct terminal *terminal, struct err *e);

/** confinement_close() - what was opened; what was given up stays given up */
void confinement_close(struct confinement *c);

#endif
