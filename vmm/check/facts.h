/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host tells about itself and about us, through files that are opened before the sandbox closes and read
 * when the run is over: opening costs a few microseconds each, and reading them while the clock runs would show.
 */
#ifndef VMM_CHECK_FACTS_H
#define VMM_CHECK_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "vmm/base/json.h"

#define HOSTFILES_PARAMS_MAX 48

/** struct hostfile_param - a parameter of a KVM module. @module, @name: as in /sys/module */
struct hostfile_param {
	char module[16];
	char name[48];
	int fd;
};

/**
 * struct hostfiles - owns its files; -1: not there
 * @name, @memory_bytes, @cpus_online, @ticks (a second, of CPU times in /proc): of the host
 * @thp: /sys/kernel/mm/transparent_hugepage/enabled
 * @smaps, @status, @stat: of this process
 */
struct hostfiles {
	struct utsname name;
	uint64_t memory_bytes;
	long cpus_online;
	long ticks;
	int thp;
	int smaps;
	int status;
	int stat;
	struct hostfile_param param[HOSTFILES_PARAMS_MAX];
	size_t nr_params;
};

/** hostfiles_open() - what is missing is left out. Context: OPEN stage. */
void hostfiles_open(struct hostfiles *ret);

/** hostfiles_close() - takes what hostfiles_open() filled; a second call does nothing */
void hostfiles_close(struct hostfiles *h);

/**
 * hostfiles_json_host() - the host as an object named @key: kernel, processor, KVM and its parameters, memory
 * @kvm_api: 0: KVM was not reached
 */
void hostfiles_json_host(const struct hostfiles *h, int kvm_api, struct json *j, const char *key);

/** hostfiles_json_process() - CPU time, memory, faults and switches of this process, as an object named @key */
void hostfiles_json_process(const struct hostfiles *h, struct json *j, const char *key);

/**
 * hostfiles_json_sandbox() - members about privileges of this process, as its kernel tells them, into an open object
 */
void hostfiles_json_sandbox(const struct hostfiles *h, struct json *j);

/**
 * struct memory_use - bytes, by /proc/self/smaps
 * @rss, @pss: of the whole process
 * @guest_rss, @guest_pss: of guest RAM
 * @private: pages that only this process has, guest RAM left out
 */
struct memory_use {
	uint64_t rss;
	uint64_t pss;
	uint64_t guest_rss;
	uint64_t guest_pss;
	uint64_t private;
};

/**
 * hostfiles_memory() - read it now
 * @ram, @ram_size: where guest RAM is mapped
 *
 * Return: 0 or a negative errno.
 */
int hostfiles_memory(const struct hostfiles *h, const void *ram, uint64_t ram_size, struct memory_use *ret);

#endif
