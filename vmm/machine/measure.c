// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/measure.h"

#include <string.h>

#include "vmm/machine/internal.h"

const char *vcpu_event_name(enum vcpu_event what)
{
	static const char *const names[VCPU_EVENTS] = {
		[VCPU_PIO] = "pio",
		[VCPU_MMIO] = "mmio",
		[VCPU_HLT] = "hlt",
		[VCPU_KICKED] = "kicked",
		[VCPU_TRIPLE_FAULT] = "triple_fault",
		[VCPU_INTERNAL_ERROR] = "internal_error",
		[VCPU_ENTRY_FAILED] = "entry_failed",
		[VCPU_SYSTEM_EVENT] = "system_event",
		[VCPU_DEBUG] = "debug",
		[VCPU_UNKNOWN] = "unknown",
	};

	return names[what];
}

/* Sums struct measure_counters of all CPUs by name. */
static void add_counter(const char *name, uint64_t value, void *arg)
{
	struct measure_counters *c = arg;

	for (size_t i = 0; i < c->nr; i++) {
		if (!strncmp(c->counter[i].name, name, sizeof(c->counter[i].name) - 1)) {
			c->counter[i].value += value;
			return;
		}
	}
	if (c->nr == KVM_STATS_MAX)
		return;
	c->counter[c->nr].value = value;
	strncpy(c->counter[c->nr].name, name, sizeof(c->counter[c->nr].name) - 1);
	c->nr++;
}

static void measure_kvm(const struct machine *m, struct measures *ret)
{
	ret->vm.counter = calloc(KVM_STATS_MAX, sizeof(*ret->vm.counter));
	ret->vcpu.counter = calloc(KVM_STATS_MAX, sizeof(*ret->vcpu.counter));
	if (!ret->vm.counter || !ret->vcpu.counter)
		return;
	kvm_stats_each(&m->counts.vm, add_counter, &ret->vm);
	for (unsigned i = 0; m->cpu && i < m->vm.nr_vcpus; i++)
		kvm_stats_each(&m->cpu[i].stats, add_counter, &ret->vcpu);
}

static void measure_cpus(struct machine *m, struct measures *ret)
{
	if (!m->cpu)
		return;
	ret->exits = calloc(m->vm.nr_vcpus, sizeof(*ret->exits));
	ret->exit_trace = calloc(m->vm.nr_vcpus, sizeof(*ret->exit_trace));
	if (!ret->exits || !ret->exit_trace)
		return;
	ret->cpus = m->vm.nr_vcpus;
	for (unsigned i = 0; i < ret->cpus; i++) {
		memcpy(ret->exits[i], m->vm.vcpu[i].exits, sizeof(ret->exits[i]));
		ret->exit_trace[i] = TAKE_PTR(m->cpu[i].exit_trace);
	}
}

static void measure_virtio(struct virtio_device *dev, struct measure_device *ret)
{
	snprintf(ret->name, sizeof(ret->name), "%s", dev->name);
	ret->driven = dev->driven;
	ret->payload = virtio_payload(dev);
}

static void measure_bus(struct machine *m, const struct bus *bus, const struct board_part *p, struct measures *ret)
{
	for (size_t i = 0; i < bus->nr; i++) {
		const struct bus_range *r = &bus->range[i];

		struct measure_device *d = &ret->device[ret->nr_devices];

		if (r->base != p->base)
			continue;
		*d = (struct measure_device){.part = *p, .reads = r->reads, .writes = r->writes, .bytes = r->bytes};
		if (p->kind == BOARD_VIRTIO_MMIO)
			measure_virtio(m->virtio->slot[p->index].mmio.device, d);
		ret->nr_devices++;
	}
}

void machine_measure(struct machine *m, const struct host_facts *files, struct measures *ret)
{
	uint64_t marks = m->counts.marks;

	*ret = (struct measures){
		.kvm_api = m->kvm.api,
		.startup_ioctl_ns = m->counts.startup_ioctl_ns,
		.ram_bytes = m->config->mem_bytes,
	};
	if (machine_core_path(m))
		ret->core = strdup(machine_core_path(m));
	measure_cpus(m, ret);
	measure_kvm(m, ret);
	for_each_part(p, &m->board)
		measure_bus(m, p->space == BOARD_PIO ? &m->vm.pio : &m->vm.mmio, p, ret);
	console_stats(m->console, &ret->console);
	ret->marks_lost = ret->console.marks_lost + (marks > TIMELINE_MARKS_MAX ? marks - TIMELINE_MARKS_MAX : 0);
	ret->memory_known = host_facts_memory(files, m->vm.memory.host, m->vm.memory.size, &ret->memory) == 0;
	memcpy(ret->failure, m->end.failure, sizeof(ret->failure));
	console_panic_line(m->console, ret->panic_line, sizeof(ret->panic_line));
}

void measures_destroy(struct measures *m)
{
	for (unsigned i = 0; i < m->cpus; i++)
		exit_trace_free(m->exit_trace[i]);
	free(m->exit_trace);
	free(m->exits);
	free(m->core);
	free(m->vm.counter);
	free(m->vcpu.counter);
	*m = (struct measures){0};
}
