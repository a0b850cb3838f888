/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Linux machine, or programs without a kernel, need of the host once they are confined: the plan that a command
 * hands to security/sandbox.h. What virtio devices need is said by their kinds (vmm/machine/virtio/kinds.h).
 */
#ifndef CMD_PLAN_H
#define CMD_PLAN_H

#include "security/sandbox.h"
#include "vmm/config.h"

struct flat_config;
struct machine;
struct terminal;

/** plan_early() - what stage EARLY uses; @config is borrowed for as long as @ret is used */
void plan_early(const struct config *config, struct sandbox_plan *ret);

/**
 * plan_confine() - the rest, once everything is open
 * @terminal: NULL when the console is on none
 * @machine: opened; borrowed for as long as @plan is used
 * @report_fd: see struct sandbox_plan
 */
void plan_confine(const struct config *config, const struct terminal *terminal, const struct machine *machine,
	int report_fd, struct sandbox_plan *plan);

/** plan_flat_early(), plan_flat_confine() - the same for programs without a kernel */
void plan_flat_early(enum sandbox_mode mode, const struct flat_config *config, struct sandbox_plan *ret);
void plan_flat_confine(const struct terminal *terminal, int report_fd, struct sandbox_plan *plan);

#endif
