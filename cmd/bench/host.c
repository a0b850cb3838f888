// SPDX-License-Identifier: Apache-2.0
#include "cmd/bench/host.h"

#include <stdlib.h>
#include <time.h>

#include "cmd/bench/table.h"
#include "cmd/options/version.h"
#include "vmm/base/clock.h"

/* Where the facts stand; noise_print() has them there too. */
#define HEAD_COLUMN 17

void bench_host_read(struct bench_host *ret)
{
	time_t now = (time_t)(clock_ns(CLOCK_REALTIME) / NSEC_PER_SEC);
	char name[HOST_CPU_NAME_MAX];
	struct tm tm;

	host_facts_open(&ret->facts);
	snprintf(ret->cpu, sizeof(ret->cpu), "%s", host_facts_cpu(name) ?: "unknown processor");
	host_facts_kvm(&ret->facts, ret->kvm, sizeof(ret->kvm));
	/* No descriptor is held while it is measured: guests need them, and there are limits. */
	host_facts_close(&ret->facts);
	ret->date[0] = '\0';
	if (gmtime_r(&now, &tm))
		strftime(ret->date, sizeof(ret->date), "%Y-%m-%d %H:%M UTC", &tm);
	noise_read(noise_cpu(), &ret->noise);
	ret->start = noise_now();
}

void bench_host_print(const struct bench_host *h, FILE *out)
{
	char text[256];

	snprintf(text, sizeof(text), "%s, %ld CPU%s", h->cpu, h->facts.cpus_online,
		h->facts.cpus_online == 1 ? "" : "s");
	bench_wrap(out, "  host           ", HEAD_COLUMN, text);
	if (h->facts.machine[0])
		bench_wrap(out, "  machine        ", HEAD_COLUMN, h->facts.machine);
	snprintf(text, sizeof(text), "%s %s", h->facts.name.sysname, h->facts.name.release);
	bench_wrap(out, "  kernel         ", HEAD_COLUMN, text);
	bench_wrap(out, "  KVM            ", HEAD_COLUMN, h->kvm);
	bench_wrap(out, "  vmm            ", HEAD_COLUMN, VMM_VERSION " (" VMM_COMMIT ")");
	bench_wrap(out, "  date           ", HEAD_COLUMN, h->date);
	noise_print(&h->noise, out);
}

void bench_host_end(struct bench_host *h, FILE *out)
{
	double others, steal;

	h->span = noise_since(&h->start);
	if (noise_shares(&h->span, &others, &steal))
		fprintf(out, "meanwhile: others used %.0f %% of all CPU time, and %.1f %% was stolen\n", others, steal);
}

void bench_host_json(const struct bench_host *h, const char *bench, int kvm_api, struct json *j)
{
	struct host_facts facts;
	double others, steal;

	json_string(j, "schema", "vmm-bench");
	json_u64(j, "version", BENCH_JSON_VERSION);
	json_string(j, "bench", bench);
	json_object(j, "vmm");
	json_string(j, "version", VMM_VERSION);
	json_string(j, "commit", VMM_COMMIT);
	json_end(j);
	json_string(j, "date", h->date);
	host_facts_open(&facts);
	host_facts_json_host(&facts, kvm_api, j, "host");
	host_facts_close(&facts);
	noise_json(&h->noise, j);
	if (noise_shares(&h->span, &others, &steal)) {
		json_object(j, "meanwhile");
		json_double(j, "others_percent", others);
		json_double(j, "steal_percent", steal);
		json_end(j);
	} else {
		json_null(j, "meanwhile");
	}
}

void bench_host_line(const struct bench_host *h, char *buf, size_t size)
{
	/* A picture cuts what is too wide: what figures depend on most comes first. */
	snprintf(buf, size, "%s; KVM: %s; %s; %s %s", h->date, h->kvm, h->cpu, h->facts.name.sysname,
		h->facts.name.release);
}
