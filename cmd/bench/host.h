/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a figure is worthless without: where, when, and how disturbed. One source for the head of the text, for JSON and
 * for pictures; what the host and its KVM are is the same as in a report (vmm/check/facts.h).
 */
#ifndef CMD_BENCH_HOST_H
#define CMD_BENCH_HOST_H

#include <stdio.h>

#include "cmd/bench/noise.h"
#include "vmm/base/json.h"
#include "vmm/check/facts.h"

/* Of docs/bench.schema.json. Members may be added; what changes the meaning of one raises it. */
#define BENCH_JSON_VERSION 1

/**
 * struct bench_host - filled by bench_host_read()
 * @facts: closed: its files are not open, its texts are there
 * @kvm: what kind it is, as text
 * @noise: before the measurement, @start, @span: CPU time at its start, and in it when bench_host_end() was called
 */
struct bench_host {
	struct host_facts facts;
	char cpu[HOST_CPU_NAME_MAX];
	char kvm[96];
	char date[32];
	struct noise noise;
	struct noise_span start;
	struct noise_span span;
};

/** bench_host_read() - look, before the measurement. What cannot be found out reads "unknown". */
void bench_host_read(struct bench_host *ret);

/** bench_host_print() - the head of every benchmark: host, kernel, KVM, vmm, date, and what disturbs */
void bench_host_print(const struct bench_host *h, FILE *out);

/** bench_host_end() - the measurement is over: a line on what others took meanwhile, if that can be told */
void bench_host_end(struct bench_host *h, FILE *out);

/**
 * bench_host_json() - the members that every benchmark's file begins with, into the object that is open
 * @bench: its name
 * @kvm_api: 0: KVM was not reached by this process
 */
void bench_host_json(const struct bench_host *h, const char *bench, int kvm_api, struct json *j);

/** bench_host_line() - all of it in one line, for a picture; up to @size bytes of @buf */
void bench_host_line(const struct bench_host *h, char *buf, size_t size);

#endif
