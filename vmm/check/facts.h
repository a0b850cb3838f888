/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about the host and this process, from files that are opened before the sandbox and read after the run: opening
 * costs a few microseconds each, and reading them during the run would affect measurements.
 */
#ifndef VMM_CHECK_FACTS_H
#define VMM_CHECK_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "vmm/base/json.h"
#include "vmm/check/kvm_kind.h"

#define HOST_FACTS_PARAMS_MAX 48

/** struct host_fact_param - a parameter of a KVM module. @module, @name: as in /sys/module */
struct host_fact_param {
	char module[16];
	char name[48];
	int fd;
};

/**
 * struct host_facts - owns its files; -1: does not exist
 * @name, @memory_bytes, @cpus_online, @ticks (a second, of CPU times in /proc): of the host
 * @thp: /sys/kernel/mm/transparent_hugepage/enabled
 * @smaps, @status, @stat: of this process
 * @module: of KVM, as in /sys/module, NULL: none is known
 * @machine: vendor and product by the firmware (DMI), @type: /sys/hypervisor/type; empty: not known
 */
struct host_facts {
	struct utsname name;
	uint64_t memory_bytes;
	long cpus_online;
	long ticks;
	int thp;
	int smaps;
	int status;
	int stat;
	struct host_fact_param param[HOST_FACTS_PARAMS_MAX];
	size_t nr_params;
	const char *module;
	char machine[96];
	char type[16];
};

/** host_facts_open() - open the files; missing ones are left out. Context: OPEN stage. */
void host_facts_open(struct host_facts *ret);

/** host_facts_close() - takes what host_facts_open() filled; a second call does nothing */
void host_facts_close(struct host_facts *h);

/** host_facts_kvm() - what kind of KVM this host has; @text: room for @size bytes, as kvm_kind_of() */
enum kvm_kind host_facts_kvm(const struct host_facts *h, char *text, size_t size);

#define HOST_CPU_NAME_MAX 49

/** host_facts_cpu() - the processor's own name, in @buf; NULL: it has none */
const char *host_facts_cpu(char buf[HOST_CPU_NAME_MAX]);

/**
 * host_facts_json_host() - the host as an object named @key: kernel, processor, KVM and its parameters, memory
 * @kvm_api: 0: KVM was not opened
 */
void host_facts_json_host(const struct host_facts *h, int kvm_api, struct json *j, const char *key);

/** host_facts_json_process() - CPU time, memory, faults and switches of this process, as an object named @key */
void host_facts_json_process(const struct host_facts *h, struct json *j, const char *key);

/**
 * host_facts_json_sandbox() - add members on this process's privileges, as reported by the kernel, to an open object
 */
void host_facts_json_sandbox(const struct host_facts *h, struct json *j);

/**
 * struct memory_use - bytes, by /proc/self/smaps
 * @rss, @pss: of the whole process
 * @guest_rss, @guest_pss: of guest RAM
 * @private: pages that only this process uses, without guest RAM
 */
struct memory_use {
	uint64_t rss;
	uint64_t pss;
	uint64_t guest_rss;
	uint64_t guest_pss;
	uint64_t private;
};

/**
 * host_facts_memory() - read it now
 * @ram, @ram_size: the mapping of guest RAM
 *
 * Return: 0 or a negative errno.
 */
int host_facts_memory(const struct host_facts *h, const void *ram, uint64_t ram_size, struct memory_use *ret);

#endif
