// SPDX-License-Identifier: Apache-2.0
#include "vmm/report/phases.h"

#include <stdio.h>
#include <string.h>

/*
 * X(event that ends the phase, its label, group). The first occurrence of an event ends the phase.
 */
#define PHASES(X)                                                                                                      \
	X(config_ready, "read the options", SETUP)                                                                     \
	X(report_ready, "open report and trace", SETUP)                                                                \
	X(kvm_opened, "open KVM", SETUP)                                                                               \
	X(files_opened, "open files", SETUP)                                                                           \
	X(sandbox_stage, "sandbox", SETUP)                                                                             \
	X(cpuid_ready, "CPUID", SETUP)                                                                                 \
	X(memory_ready, "guest memory", SETUP)                                                                         \
	X(kernel_loaded, "load the kernel", SETUP)                                                                     \
	X(vm_created, "create the VM", SETUP)                                                                          \
	X(tables_ready, "initrd and tables", SETUP)                                                                    \
	X(irqchip_ready, "interrupt chips", SETUP)                                                                     \
	X(devices_ready, "devices", SETUP)                                                                             \
	X(vcpu_configured, "CPUs", SETUP)                                                                              \
	X(running, "threads", SETUP)                                                                                   \
	X(first_run, "enter the guest", SETUP)                                                                         \
	X(kernel_unpacked, "kernel unpacks itself", GUEST)                                                             \
	X(first_byte, "kernel, still silent", GUEST)                                                                   \
	X(banner, "kernel's first line", GUEST)                                                                        \
	X(kernel_done, "kernel sets up", GUEST)                                                                        \
	X(init_started, "start init", GUEST)                                                                           \
	X(panicked, "until the panic", GUEST)                                                                          \
	X(stopping, "until the end", GUEST)                                                                            \
	X(stopped, "stop", END)                                                                                        \
	X(torn_down, "tear down", END)

static const struct {
	const char *label;
	enum phase_group group;
} rows[TRACE_EV_COUNT] = {
#define X(id, text, which) [TRACE_EV_##id] = {text, PHASE_##which},
	PHASES(X)
#undef X
};

/* For these the last occurrence ends the phase (one per CPU), or each has its own phase. */
static bool ends_phase(const struct recorder *r, size_t i, const bool *seen, uint64_t since_ns)
{
	enum trace_event ev = r->record[i].event;

	if (!rows[ev].label)
		return false;
	if (ev == TRACE_EV_sandbox_stage)
		/* The start of a stage takes no time; that of EARLY is before the first event. */
		return r->record[i].arg[1] > 0 && r->record[i].arg[1] <= r->record[i].t_ns - since_ns;
	if (ev != TRACE_EV_vcpu_configured)
		return !seen[ev];
	for (size_t k = i + 1; k < r->nr; k++)
		if (r->record[k].event == ev)
			return false;
	return true;
}

static void name_phase(const struct trace_record *rec, struct phase *p)
{
	if (rec->event == TRACE_EV_sandbox_stage) {
		const char *stage = rec->strings + rec->arg[0];

		snprintf(p->name, sizeof(p->name), "sandbox_%.32s", stage);
		snprintf(p->label, sizeof(p->label), "sandbox: %.32s", stage);
	} else {
		snprintf(p->name, sizeof(p->name), "%s", trace_defs[rec->event].name);
		snprintf(p->label, sizeof(p->label), "%s", rows[rec->event].label);
	}
}

/* Stage LOCK has an event per thread: the first ends the phase. */
static bool named(const struct phases *ps, const char *name)
{
	for (size_t i = 0; i < ps->nr; i++)
		if (!strcmp(ps->phase[i].name, name))
			return true;
	return false;
}

void phases_of(const struct recorder *r, struct phases *ret)
{
	bool seen[TRACE_EV_COUNT] = {false};
	uint64_t t = 0, cpu = r->nr ? r->record[0].cpu_ns : 0;

	ret->nr = 0;
	for (size_t i = 0; i < r->nr && ret->nr < PHASES_MAX; i++) {
		const struct trace_record *rec = &r->record[i];
		struct phase *p = &ret->phase[ret->nr];

		if (!ends_phase(r, i, seen, t))
			continue;
		seen[rec->event] = true;
		*p = (struct phase){
			.group = rows[rec->event].group,
			.start_ns = t,
			.end_ns = rec->t_ns,
			/*
			 * CPU time is read when an event is emitted, which for a line of the guest is later than its
			 * first byte.
			 */
			.cpu_ns = rec->cpu_ns > cpu ? rec->cpu_ns - cpu : 0,
		};
		name_phase(rec, p);
		if (named(ret, p->name))
			continue;
		t = rec->t_ns;
		cpu = MAX(cpu, rec->cpu_ns);
		ret->nr++;
	}
}

const char *phase_group_name(enum phase_group g)
{
	static const char *const names[] = {[PHASE_SETUP] = "setup", [PHASE_GUEST] = "guest", [PHASE_END] = "end"};

	return names[g];
}
