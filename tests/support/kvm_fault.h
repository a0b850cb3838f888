/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the n-th call to the host fail: for tests that walk a set-up path and check that each failure is reported and
 * leaves nothing behind.
 *
 *	fault_each_call(&(const struct fault_path){.name = "vm", .run = build, .survives = may_be_survived});
 *	fault_arm(n, EIO); build(); fault_disarm();	one call, for specific assertions
 *
 * The calls are caught at link time: a test program lists kvm_fault.c and, as its link arguments, fault_wraps of
 * tests/unit/kvm/meson.build. Calls that the C library makes by itself are not caught. The calls of all threads are
 * counted; which of two threads makes the n-th is random.
 */
#ifndef TESTS_SUPPORT_KVM_FAULT_H
#define TESTS_SUPPORT_KVM_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/err.h"

/**
 * fault_arm() - count from now on
 * @nth: which call fails, from 1; 0: none
 * @code: the errno it fails with; 0: the usual one of that call (ENOMEM, EMFILE, EIO)
 */
void fault_arm(unsigned nth, int code);

/** fault_disarm() - Return: how many calls there were since fault_arm() */
unsigned fault_disarm(void);

/**
 * fault_hit() - the call that failed, such as `ioctl KVM_CREATE_VM` or `mmap`; NULL: none did
 *
 * Valid until the next fault_arm().
 */
const char *fault_hit(void);

/**
 * struct resources - what a process can leak without LeakSanitizer noticing
 * @fds: open files
 * @threads: of ours; KVM's own helper, which recent kernels start in our process, does not count
 * @mapped_bytes: by mmap() and not unmapped, as far as the wrapped functions saw
 * @kvm_maps: mappings of vCPU files
 */
struct resources {
	size_t fds;
	size_t threads;
	size_t mapped_bytes;
	size_t kvm_maps;
};

/** resources_now() - count them */
struct resources resources_now(void);

/** assert_same_resources() - a cmocka assertion; @what names the case when it fails */
void assert_same_resources(const struct resources *before, const char *what);

/**
 * struct fault_path - a path through calls to the host, each of which is made to fail in turn
 * @name: for messages
 * @code: the errno, as in fault_arm()
 * @prepare: in each of the processes that share the work, before anything is counted; may be NULL
 * @run: runs the path and frees everything that it has made. Return: 0, or a negative errno, with a message in @e. It
 *       must not contain cmocka's assertions.
 * @survives: whether @run may succeed although this call has failed
 */
struct fault_path {
	const char *name;
	int code;
	void (*prepare)(void);
	int (*run)(struct err *e);
	bool (*survives)(const char *hit, int code);
};

/**
 * fault_each_call() - let each call of a path fail, once; a cmocka assertion
 *
 * A failure has to be reported, as a negative errno with a message, unless @survives allows for it. With EINTR an ioctl
 * has to be made again. Nothing may be left behind (struct resources, and what LeakSanitizer sees). Of a sequence of
 * equal calls only the first two and the last are made to fail, since those in between would behave the same.
 *
 * Return: the messages of the failures, a line each, in no particular order; valid until the next call.
 */
const char *fault_each_call(const struct fault_path *p);

#endif
