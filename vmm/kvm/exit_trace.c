// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/exit_trace.h"

#include <errno.h>
#include <sys/mman.h>

#define BYTES (EXIT_TRACE_MAX * sizeof(struct exit_trace_entry))

int exit_trace_new(unsigned cpu, struct exit_trace **ret)
{
	struct exit_trace *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->entry = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (l->entry == MAP_FAILED) {
		free(l);
		return -ENOMEM;
	}
	l->cpu = cpu;
	*ret = l;
	return 0;
}

void exit_trace_add(struct exit_trace *l, uint64_t enter_ns, uint64_t leave_ns, const struct vcpu_exit *x)
{
	struct exit_trace_entry *e;

	if (l->nr == EXIT_TRACE_MAX) {
		l->lost++;
		return;
	}
	e = &l->entry[l->nr++];
	*e = (struct exit_trace_entry){.enter_ns = enter_ns, .leave_ns = leave_ns, .what = (uint8_t)x->what};
	if (x->what == VCPU_PIO) {
		e->addr = x->pio.port;
		e->len = x->pio.len;
		e->write = x->pio.write;
		e->count = x->pio.count;
	} else if (x->what == VCPU_MMIO) {
		e->addr = x->mmio.gpa;
		e->len = x->mmio.len;
		e->write = x->mmio.write;
		e->count = 1;
	}
}

void exit_trace_free(struct exit_trace *l)
{
	if (!l)
		return;
	munmap(l->entry, BYTES);
	free(l);
}
