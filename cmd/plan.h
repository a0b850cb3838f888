/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Linux machine, or programs without a kernel, need from the host in the sandbox: the plan that a command passes
 * to security/sandbox.h. The needs of virtio devices come from their kinds (vmm/machine/virtio/kinds.h).
 */
#ifndef CMD_PLAN_H
#define CMD_PLAN_H

#include "security/sandbox.h"
#include "vmm/config.h"

struct exec_config;
struct flat_config;
struct machine;
struct mounts;
struct terminal;

/** plan_early() - the part for stage EARLY; @config is borrowed as long as @ret is used */
void plan_early(const struct config *config, struct sandbox_plan *ret);

/**
 * plan_confine() - the rest, after everything was opened
 * @terminal: NULL when the console is not on a terminal
 * @machine: opened; borrowed for as long as @plan is used
 * @report_fd: see struct sandbox_plan
 */
void plan_confine(const struct config *config, const struct terminal *terminal, const struct machine *machine,
	int report_fd, struct sandbox_plan *plan);

/** plan_streams() - of plan_confine(), what the standard streams are, which the guest's console may be */
void plan_streams(const struct terminal *terminal, int report_fd, struct sandbox_plan *plan);

/** plan_opened() - of plan_confine(), what was opened */
void plan_opened(const struct config *config, const struct machine *machine, struct sandbox_plan *plan);

/** plan_flat_early(), plan_flat_confine() - the same for programs without a kernel */
void plan_flat_early(enum sandbox_mode mode, const struct flat_config *config, struct sandbox_plan *ret);
void plan_flat_confine(const struct terminal *terminal, int report_fd, struct sandbox_plan *plan);

/** plan_restored() - besides plan_early(): @fd is the snapshot that the machine is restored from, -1: none */
void plan_restored(int fd, struct sandbox_plan *plan);

/**
 * plan_exec_early(), plan_exec_confine() - the same for a Linux program without a kernel, which has the streams itself
 */
void plan_exec_early(enum sandbox_mode mode, const struct exec_config *config, struct sandbox_plan *ret);
void plan_exec_confine(const struct mounts *mounts, int report_fd, struct sandbox_plan *plan);

#endif
