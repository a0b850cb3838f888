/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host offers a VMM, item by item: for `vmm check`.
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
 * @HOST_OK: there
 * @HOST_NOTE: missing, and a machine runs without it
 * @HOST_BAD: missing, and no stock kernel boots
 */
enum host_grade { HOST_OK, HOST_NOTE, HOST_BAD };

/**
 * struct host_item - one line of the answer
 * @group, @name: static words
 * @text: what was found, and what to do where something is missing
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
 * host_check() - look at everything
 *
 * Context: blocks for the probe guest (vmm/check/probe.h). Changes nothing on the host.
 */
void host_check(struct host_items *ret);

/**
 * host_landlock() - one line of it: which Landlock there is, and what it lacks
 * @abi: what landlock_abi() says
 */
void host_landlock(struct host_items *items, int abi);

/**
 * host_userns() - one line of it: is a user namespace to be had, and if not, why
 * @r: what sandbox_userns_available() says
 * @sysctl: the directory of the host's settings, /proc/sys
 */
void host_userns(struct host_items *items, int r, const char *sysctl);

/**
 * host_create_vm() - one line of it: does KVM_CREATE_VM wait for RCU, and what would end that
 * @took_ns: the time it takes
 * @mounts: /proc/self/mounts, read to its end; NULL: it cannot be read
 */
void host_create_vm(struct host_items *items, uint64_t took_ns, FILE *mounts);

/** host_boots() - true when no item is HOST_BAD: a stock kernel would boot */
bool host_boots(const struct host_items *items);

#endif
