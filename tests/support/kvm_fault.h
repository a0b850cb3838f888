/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the n-th call to the host fail: for tests that walk a set-up path and check that each failure is reported and
 * leaves nothing behind.
 *
 *	fault_arm(0, 0); build(); calls = fault_disarm();	how many calls there are
 *	for (n = 1; n <= calls; n++) { fault_arm(n, EIO); build(); ... fault_disarm(); }
 *
 * The calls are caught at link time: a test program lists kvm_fault.c and, as its link arguments, fault_wraps of
 * tests/unit/kvm/meson.build. Calls that the C library makes by itself are not caught. The calls of all threads
 * count; which of two threads makes the n-th is chance.
 */
#ifndef TESTS_SUPPORT_KVM_FAULT_H
#define TESTS_SUPPORT_KVM_FAULT_H

#include <stddef.h>

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

#endif
