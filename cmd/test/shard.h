/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which shard of a run has which test. All shards compute this for themselves, so it depends on nothing but the list of
 * tests and an earlier run's durations.
 */
#ifndef CMD_TEST_SHARD_H
#define CMD_TEST_SHARD_H

#include "cmd/test/earlier.h"
#include "cmd/test/runner.h"

/** struct shard - number @k, from 1, of @of */
struct shard {
	unsigned k;
	unsigned of;
};

/** shard_parse() - "K/N". Return: 0 or -EINVAL, with a message in @e */
int shard_parse(const char *text, struct shard *ret, struct err *e);

/**
 * shard_assign() - a shard for each test
 * @job: @nr of them
 * @durations: of an earlier run; a test that is not in it counts as the mean of the others; without any, tests are
 *             dealt out one by one
 * @ret: @nr numbers from 1
 *
 * The longest test comes first, each to the shard that has the least to do, so no shard takes longer than the mean and
 * one more test. Return: 0 or -ENOMEM.
 */
int shard_assign(const struct runner_job *job, size_t nr, const struct earlier *durations, unsigned of, unsigned *ret);

#endif
