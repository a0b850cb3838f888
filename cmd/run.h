/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `vmm run` and `vmm restore` have in common: a run of a Linux machine, from its configuration to its exit status.
 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "cmd/confinement.h"
#include "cmd/signals.h"
#include "vmm/base/hold.h"
#include "vmm/config.h"
#include "vmm/kvm/memory.h"
#include "vmm/machine/machine.h"
#include "vmm/report/report.h"

struct each;
struct logsink;
struct run_set;
struct terminal;

/**
 * struct run - all of it; starts from RUN_NONE
 * @restored: the snapshot that the machine is restored from; its @fd is -1 for one that boots
 * @ram, @clone, @clones, @word, @watch_fd: as struct machine_facts has them; not owned
 * @each: with --each-line, else NULL
 * @set: with --working-set, else NULL; owned by the first run of several
 * @settings: of the machine, for a snapshot
 */
struct run {
	struct config config;
	struct trace *trace;
	struct logsink *log;
	struct loop *loop;
	struct machine *machine;
	struct terminal *terminal;
	struct confinement confinement;
	struct report *report;
	struct report_info info;
	struct report_setting *setting;
	struct signals signals;
	struct hold pause;
	struct core_request dump;
	struct snapshot restored;
	struct memory ram;
	uint32_t clone, clones;
	const char *word;
	size_t word_size;
	int watch_fd;
	struct each *each;
	struct run_set *set;
	char *settings;
	char version[SNAPSHOT_VERSION_SIZE];
};

#define RUN_NONE                                                                                                       \
	((struct run){                                                                                                 \
		.signals = SIGNALS_NONE, .confinement = CONFINEMENT_NONE, .restored = SNAPSHOT_NONE, .watch_fd = -1})

/** run_destroy() - takes RUN_NONE */
void run_destroy(struct run *run);

/** run_version() - this program, as a snapshot has it */
void run_version(char ret[static SNAPSHOT_VERSION_SIZE]);

/** run_check() - that there is something to run, and that no file is named twice. Return: 0 or a negative errno. */
int run_check(const struct run *run, struct err *e);

/** run_describe() - program and settings for a report; nothing without one. Return: 0 or a negative errno. */
int run_describe(struct run *run, char **argv, struct err *e);

/** run_describe_machine() - machine_describe(), after machine_open() */
int run_describe_machine(struct run *run, struct err *e);

/**
 * run_open() - stage OPEN of a run that is to be forked: what has a path
 *
 * Return: 0 or a negative errno, with a message in @e. Context: stage OPEN.
 */
int run_open(struct run *run, char **argv, struct err *e);

/**
 * run_forked() - the rest of a run up to a machine that is built, in the child of a fork after run_open(); its standard
 * streams are in place
 * @confined: in stage BUILD; copied
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int run_forked(struct run *run, const struct confinement *confined, struct err *e);

/** run_machine() - all stages of a configured run, and its end. Return: the exit status. */
int run_machine(struct run *run, char **argv, uint64_t cpu_before_main);

/**
 * run_end() - say how it ended, tear the machine down, write the report
 * @r: 0, or the error @e that prevented the run
 *
 * Return: the exit status.
 */
int run_end(struct run *run, int r, const struct verdict *v, const struct err *e);

#endif
