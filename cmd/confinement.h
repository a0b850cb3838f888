/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages of security/sandbox.h for a command, and their messages to the operator.
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
 * struct confinement - start from CONFINEMENT_NONE; borrowed by every thread that installs a filter
 * @complaints: for the message about a trapped call: stderr, non-blocking
 */
struct confinement {
	struct sandbox_plan plan;
	struct sandbox sandbox;
	struct nbio complaints;
};

#define CONFINEMENT_NONE ((struct confinement){.complaints = NBIO_CLOSED})

/**
 * confinement_complaints() - open @complaints
 *
 * Return: the fd, or -1 if stderr is closed. Context: OPEN stage.
 */
int confinement_complaints(struct confinement *c);

/**
 * confinement_enter() - stage CONFINE, and the start of BUILD; reports missing restrictions to the operator
 * @terminal: its handlers cannot be changed from now on; or NULL
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int confinement_enter(struct confinement *c, struct terminal *terminal, struct err *e);

/** confinement_close() - close what was opened; the restrictions stay in force */
void confinement_close(struct confinement *c);

#endif
