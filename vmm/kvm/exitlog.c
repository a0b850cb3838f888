// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/exitlog.h"

#include <errno.h>
#include <sys/mman.h>

#define BYTES (EXITLOG_MAX * sizeof(struct exitlog_entry))

int exitlog_new(unsigned cpu, struct exitlog **ret)
{
	struct exitlog *l = calloc(1, sizeof(*l));

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

void exitlog_add(struct exitlog *l, uint64_t enter_ns, uint64_t leave_ns, const struct vcpu_exit *x)
{
	struct exitlog_entry *e;

	if (l->nr == EXITLOG_MAX) {
		l->lost++;
		return;
	}
	e = &l->entry[l->nr++];
	*e = (struct exitlog_entry){.enter_ns = enter_ns, .leave_ns = leave_ns, .what = (uint8_t)x->what};
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

void exitlog_free(struct exitlog *l)
{
	if (!l)
		return;
	munmap(l->entry, BYTES);
	free(l);
}
