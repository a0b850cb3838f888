/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks what this host offers to a VMM, item by item: for `vmm check`.
 */
#ifndef VMM_CHECK_HOSTCHECK_H
#define VMM_CHECK_HOSTCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HOST_ITEMS_MAX 64
#define HOST_TEXT_MAX  256

/**
 * enum host_grade
 * @HOST_OK: available
 * @HOST_NOTE: missing, but a machine runs without it
 * @HOST_BAD: missing, so that no stock kernel boots
 */
enum host_grade { HOST_OK, HOST_NOTE, HOST_BAD };

/**
 * struct host_item - one line of the result
 * @group, @name: static strings
 * @text: what was found, and what to do if something is missing
 */
struct host_item {
	enum host_grade grade;
	const char *group;
	const char *name;
	char text[HOST_TEXT_MAX];
};

/**
 * struct host_items - all of them, in order; plain data
 */
struct host_items {
	struct host_item item[HOST_ITEMS_MAX];
	size_t nr;
};

/**
 * host_check() - run all checks
 *
 * Context: blocks for the probe guest (vmm/check/probe.h). Changes nothing on the host.
 */
void host_check(struct host_items *ret);

/**
 * host_landlock() - one item: the Landlock of the host, and what it lacks
 * @abi: result of landlock_abi()
 */
void host_landlock(struct host_items *items, int abi);

/**
 * host_program_files() - one item: what holds the files of the host that `vmm exec` gives to a program
 * @abi: result of landlock_abi(); @openat2: errno of a try, negative
 */
void host_program_files(struct host_items *items, int abi, int openat2);

/**
 * host_userns() - one item: whether a user namespace can be created, and if not, why
 * @r: result of sandbox_userns_available()
 * @sysctl: the directory of the host's sysctls, /proc/sys
 */
void host_userns(struct host_items *items, int r, const char *sysctl);

/**
 * host_create_vm() - one item: whether KVM_CREATE_VM waits for RCU, and how to avoid that
 * @took_ns: the time it takes
 * @mounts: /proc/self/mounts, read to its end; NULL: it cannot be read
 */
void host_create_vm(struct host_items *items, uint64_t took_ns, FILE *mounts);

/** host_boots() - true when no item is HOST_BAD: a stock kernel would boot */
bool host_boots(const struct host_items *items);

#endif
