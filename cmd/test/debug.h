/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm test --debug-test NAME`: one test in the foreground. A command's guest has a shell in its place, on our
 * terminal; a program without a kernel waits for gdb in front of its first instruction.
 */
#ifndef CMD_TEST_DEBUG_H
#define CMD_TEST_DEBUG_H

#include "cmd/test/launcher.h"
#include "cmd/test/list.h"

/**
 * test_debug() - run the test
 * @t, @spec: the test, and its command line without what `vmm test` needs to judge it
 *
 * Return: an exit status, for a program that of gdb; otherwise only a negative errno, with a message in @e: vmm runs in
 * place of this process. Trust: operator.
 */
int test_debug(const struct test_case *t, const struct launch_spec *spec, struct err *e);

#endif
