/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm test --merge`: the records of a run's shards become its reports.
 */
#ifndef CMD_TEST_MERGE_H
#define CMD_TEST_MERGE_H

#include "cmd/test/command.h"

/**
 * test_merge() - read the records in set->path, files or directories of them, and write the reports
 *
 * Each test of the plan counts once, also if several records have it: the one of a complete record, else the later
 * one. A test without a result is an error, and so named in each report.
 *
 * Return: the exit status, as that of test_command(): EXIT_FAILED when a shard has no complete record; EXIT_USAGE when
 * there is no record at all, one is damaged, or they are of different runs.
 */
int test_merge(const struct test_settings *set);

#endif
