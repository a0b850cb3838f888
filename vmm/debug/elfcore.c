// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. RAM is read twice. The first time says which granules of it have a byte that is not zero, which
 * become the segments, and finds VMCOREINFO; the second time writes. In between the head is laid out, since where the
 * data begins depends on how many segments there are.
 *
 * Linear addresses come from the page tables of one CPU, of the kernel's half only, which is the same for all CPUs: its
 * text and modules first, since their number is small, then the rest as far as there is room.
 */
#include "vmm/debug/elfcore.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include "vmm/base/assert.h"
#include "vmm/base/x86.h"
#include "vmm/debug/mappings.h"
#include "vmm/debug/ram.h"
#include "vmm/debug/vmcoreinfo.h"

#define RAM_MAX    2048 /* granules, and so segments, but for the first of each region */
#define LINEAR_MAX 16384
#define LOADS_MAX  (RAM_MAX + GMEM_REGIONS_MAX + LINEAR_MAX)
#define TABLES_MAX 16384 /* of 4 KiB each: what they hold is read within a tenth of a second */

#define QEMU_VERSION 1
#define PRSTATUS     "CORE"
#define QEMU         "QEMU"

/* Linux Documentation/arch/x86/x86_64/mm.rst. The stacks of espfix are one page, mapped 65,536 times. */
#define TEXT_FROM   UINT64_C(0xffffffff80000000)
#define ESPFIX_FROM UINT64_C(0xffffff0000000000)
#define ESPFIX_LAST UINT64_C(0xffffff7fffffffff)

/** struct load - a segment: @offset in the file, from where RAM begins in it; @filesz of @memsz bytes are there */
struct load {
	uint64_t linear;
	uint64_t gpa;
	uint64_t offset;
	uint64_t filesz;
	uint64_t memsz;
};

/**
 * struct core_writer - @nr_ram of @load are RAM, sorted, the rest linear addresses
 * @ram: a chunk of RAM, or what is still to be written of the head, of which @used bytes belong to offset @at
 */
struct core_writer {
	const struct gmem *mem;
	const _Atomic bool *stop;
	int fd;
	bool fits;
	unsigned nr_ram, nr;
	uint64_t at;
	size_t used;
	struct paging paging;
	struct vmcoreinfo info, other;
	struct load load[LOADS_MAX];
	struct ram_reader ram;
};

int core_writer_new(struct core_writer **ret)
{
	struct core_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*ret = w;
	return 0;
}

void core_writer_free(struct core_writer *w)
{
	free(w);
}

/* --- Reading RAM --------------------------------------------------------------------------------------------- */

/* The first that fits is kept, or else the first. */
static void look_for_info(struct core_writer *w, uint64_t gpa, const struct core_cpu *cpu, unsigned nr)
{
	if (w->fits || !vmcoreinfo_read(w->mem, gpa, &w->other))
		return;
	for (unsigned i = 0; i < nr && !w->fits; i++) {
		const uint64_t *cr = cpu[i].regs.cr;
		struct paging p = {.cr0 = cr[0], .cr3 = cr[3], .cr4 = cr[4], .efer = cpu[i].efer};

		w->fits = vmcoreinfo_fits(&w->other, w->mem, &p);
		if (w->fits)
			w->paging = p;
	}
	if (w->fits || !w->info.len)
		w->info = w->other;
}

static void add_ram(struct core_writer *w, const struct gmem_region *r, uint64_t at, uint64_t len, bool touched)
{
	struct load *l = w->nr ? &w->load[w->nr - 1] : NULL;

	if (!at || (touched && l->filesz < l->memsz)) {
		assert(w->nr < RAM_MAX + GMEM_REGIONS_MAX);
		l = &w->load[w->nr++];
		*l = (struct load){.linear = r->gpa + at, .gpa = r->gpa + at};
	}
	l->memsz += len;
	if (touched)
		l->filesz = l->memsz;
}

static int find_ram(struct core_writer *w, const struct core_cpu *cpu, unsigned nr)
{
	uint64_t granule = RAM_CHUNK, offset = 0;

	while (gmem_size(w->mem) / granule >= RAM_MAX)
		granule *= 2;
	for (size_t i = 0; i < w->mem->nr; i++) {
		const struct gmem_region *r = &w->mem->region[i];

		for (uint64_t at = 0, len; at < r->size; at += len) {
			bool touched = false;

			len = MIN(granule, r->size - at);
			for (uint64_t in = 0, n; in < len; in += n) {
				n = MIN(RAM_CHUNK, len - in);
				if (atomic_load_explicit(w->stop, memory_order_relaxed))
					return -ECANCELED;
				if (!ram_read(&w->ram, r->gpa + at + in, n))
					continue;
				touched = true;
				for (uint64_t page = 0; page < n; page += PAGE_4K)
					if (w->ram.has[page / PAGE_4K] & 1)
						look_for_info(w, r->gpa + at + in + page, cpu, nr);
			}
			add_ram(w, r, at, len, touched);
		}
	}
	w->nr_ram = w->nr;
	for (unsigned i = 0; i < w->nr_ram; i++) {
		w->load[i].offset = offset;
		offset += w->load[i].filesz;
	}
	return 0;
}

/* --- Linear addresses ---------------------------------------------------------------------------------------- */

/* The segment of RAM that an address is in, or else the next one. */
static unsigned ram_at(const struct core_writer *w, uint64_t gpa)
{
	unsigned low = 0, high = w->nr_ram;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (w->load[mid].gpa + w->load[mid].memsz > gpa)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

struct linear {
	struct mappings walk;
	struct core_writer *w;
};

/* A mapping is cut where segments of RAM begin and end; what of it is no RAM is left out. */
static bool add_linear(struct mappings *walk, const struct mapping *m)
{
	struct core_writer *w = container_of(walk, struct linear, walk)->w;

	for (unsigned i = ram_at(w, m->gpa); i < w->nr_ram && w->load[i].gpa < m->gpa + m->size; i++) {
		const struct load *ram = &w->load[i];
		uint64_t from = MAX(m->gpa, ram->gpa), to = MIN(m->gpa + m->size, ram->gpa + ram->memsz);
		uint64_t there = ram->gpa + ram->filesz;

		if (w->nr == LOADS_MAX)
			return false;
		w->load[w->nr++] = (struct load){
			.linear = m->linear + (from - m->gpa),
			.gpa = from,
			.offset = ram->offset + MIN(from - ram->gpa, ram->filesz),
			.filesz = from < there ? MIN(to, there) - from : 0,
			.memsz = to - from,
		};
	}
	return true;
}

static void find_linear(struct core_writer *w, const struct core_cpu *cpu, unsigned nr)
{
	struct linear l = {.walk = {.mem = w->mem, .tables = TABLES_MAX, .each = add_linear}, .w = w};
	uint64_t half;

	for (unsigned i = 0; i < nr && !w->fits; i++) {
		const uint64_t *cr = cpu[i].regs.cr;

		w->paging = (struct paging){.cr0 = cr[0], .cr3 = cr[3], .cr4 = cr[4], .efer = cpu[i].efer};
		if (w->paging.efer & EFER_LMA)
			break;
	}
	half = -BIT(w->paging.cr4 & CR4_LA57 ? 56 : 47);
	if (mappings_walk(&l.walk, &w->paging, TEXT_FROM, UINT64_MAX) &&
		mappings_walk(&l.walk, &w->paging, half, ESPFIX_FROM - 1))
		mappings_walk(&l.walk, &w->paging, ESPFIX_LAST + 1, TEXT_FROM - 1);
}

/* --- Writing ------------------------------------------------------------------------------------------------- */

static int flush(struct core_writer *w)
{
	int r = ram_write_at(&w->ram, w->fd, w->at, w->ram.buf, w->used);

	w->at += w->used;
	w->used = 0;
	return r;
}

static void append(struct core_writer *w, const void *p, size_t len)
{
	memcpy(w->ram.buf + w->used, p, len);
	w->used += len;
}

static int put(struct core_writer *w, const void *p, size_t len)
{
	int r = w->used + len > sizeof(w->ram.buf) ? flush(w) : 0;

	append(w, p, len);
	return r;
}

static size_t note_size(size_t name, size_t desc)
{
	return sizeof(Elf64_Nhdr) + align_up(name, 4) + align_up(desc, 4);
}

static int put_note(struct core_writer *w, const char *name, uint32_t type, const void *desc, size_t len)
{
	static const char zeroes[4];
	const size_t namesz = strlen(name) + 1;
	Elf64_Nhdr head = {.n_namesz = (uint32_t)namesz, .n_descsz = (uint32_t)len, .n_type = type};
	int r = put(w, &head, sizeof(head));

	if (r == 0)
		r = put(w, name, namesz);
	if (r == 0)
		r = put(w, zeroes, align_up(namesz, 4) - namesz);
	if (r == 0)
		r = put(w, desc, len);
	return r < 0 ? r : put(w, zeroes, align_up(len, 4) - len);
}

static int put_prstatus(struct core_writer *w, const struct core_registers *c, unsigned number)
{
	const struct user_regs_struct regs = {
		.r15 = c->r15,
		.r14 = c->r14,
		.r13 = c->r13,
		.r12 = c->r12,
		.rbp = c->rbp,
		.rbx = c->rbx,
		.r11 = c->r11,
		.r10 = c->r10,
		.r9 = c->r9,
		.r8 = c->r8,
		.rax = c->rax,
		.rcx = c->rcx,
		.rdx = c->rdx,
		.rsi = c->rsi,
		.rdi = c->rdi,
		.rip = c->rip,
		.cs = c->cs.selector,
		.eflags = c->rflags,
		.rsp = c->rsp,
		.ss = c->ss.selector,
		.fs_base = c->fs.base,
		.gs_base = c->gs.base,
		.ds = c->ds.selector,
		.es = c->es.selector,
		.fs = c->fs.selector,
		.gs = c->gs.selector,
	};
	struct elf_prstatus p = {.pr_pid = (int)number + 1};

	static_assert(sizeof(regs) == sizeof(p.pr_reg), "registers of a process");
	memcpy(&p.pr_reg, &regs, sizeof(regs));
	return put_note(w, PRSTATUS, NT_PRSTATUS, &p, sizeof(p));
}

static int put_notes(struct core_writer *w, struct core_cpu *cpu, unsigned nr)
{
	int r = 0;

	for (unsigned i = 0; i < nr && r == 0; i++)
		r = put_prstatus(w, &cpu[i].regs, i);
	for (unsigned i = 0; i < nr && r == 0; i++) {
		cpu[i].regs.version = QEMU_VERSION;
		cpu[i].regs.size = sizeof(cpu[i].regs);
		r = put_note(w, QEMU, 0, &cpu[i].regs, sizeof(cpu[i].regs));
	}
	if (r == 0 && w->info.len)
		r = put_note(w, VMCOREINFO_NAME, 0, w->info.text, w->info.len);
	return r;
}

static uint64_t notes_size(const struct core_writer *w, unsigned nr)
{
	uint64_t cpu = note_size(sizeof(PRSTATUS), sizeof(struct elf_prstatus)) +
		note_size(sizeof(QEMU), sizeof(struct core_registers));

	return nr * cpu + (w->info.len ? note_size(sizeof(VMCOREINFO_NAME), w->info.len) : 0);
}

static void put_headers(struct core_writer *w, uint64_t notes, uint64_t data)
{
	static_assert(sizeof(Elf64_Ehdr) + (LOADS_MAX + 1) * sizeof(Elf64_Phdr) <= RAM_CHUNK, "nothing is written yet");
	const unsigned nr = w->nr + 1;
	const Elf64_Ehdr head = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)nr,
	};
	const Elf64_Phdr note = {
		.p_type = PT_NOTE,
		.p_offset = sizeof(head) + nr * sizeof(Elf64_Phdr),
		.p_filesz = notes,
		.p_memsz = notes,
		.p_align = 4,
	};

	append(w, &head, sizeof(head));
	append(w, &note, sizeof(note));
	for (unsigned i = 0; i < w->nr; i++) {
		/* Linear addresses first */
		const struct load *l = &w->load[(w->nr_ram + i) % w->nr];
		const Elf64_Phdr load = {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W | PF_X,
			.p_offset = data + l->offset,
			.p_vaddr = l->linear,
			.p_paddr = l->gpa,
			.p_filesz = l->filesz,
			.p_memsz = l->memsz,
		};

		append(w, &load, sizeof(load));
	}
}

static int write_ram(struct core_writer *w, uint64_t data)
{
	static const uint8_t zero;
	bool hole = false;
	uint64_t end = data;
	int r = 0;

	for (unsigned i = 0; i < w->nr_ram && r == 0; i++) {
		const struct load *l = &w->load[i];

		for (uint64_t at = 0, len; at < l->filesz && r == 0; at += len) {
			len = MIN(RAM_CHUNK, l->filesz - at);
			if (atomic_load_explicit(w->stop, memory_order_relaxed))
				return -ECANCELED;
			ram_read(&w->ram, l->gpa + at, len);
			r = ram_write(&w->ram, w->fd, data + l->offset + at, len);
			hole = !(w->ram.has[len / PAGE_4K - 1] & 1);
			end = data + l->offset + at + len;
		}
	}
	/* The file is as long as its headers say, also when it ends in a hole. */
	return r == 0 && (hole || end == data) ? ram_write_at(&w->ram, w->fd, end - 1, &zero, 1) : r;
}

int core_write(struct core_writer *w, const struct gmem *mem, struct core_cpu *cpu, unsigned nr, int fd,
	const _Atomic bool *stop, struct core_result *ret)
{
	uint64_t notes, data;
	int r;

	assert(nr && nr <= CORE_CPUS_MAX);
	w->mem = mem;
	w->stop = stop;
	w->fd = fd;
	ram_begin(&w->ram, mem);
	w->nr = w->nr_ram = 0;
	w->at = w->used = 0;
	w->fits = false;
	w->info.len = 0;
	r = find_ram(w, cpu, nr);
	if (r < 0)
		return r;
	find_linear(w, cpu, nr);
	notes = notes_size(w, nr);
	data = align_up(sizeof(Elf64_Ehdr) + (w->nr + 1) * sizeof(Elf64_Phdr) + notes, PAGE_4K);
	assert(data <= CORE_HEAD_MAX);
	put_headers(w, notes, data);
	r = put_notes(w, cpu, nr);
	if (r == 0)
		r = flush(w);
	if (r == 0)
		r = write_ram(w, data);
	if (r == 0)
		*ret = (struct core_result){.bytes = w->ram.written, .vmcoreinfo = w->fits};
	return r;
}
