// SPDX-License-Identifier: Apache-2.0
/* What the host says of our memory: sums of a smaps that is known to the byte, and of RAM that was touched. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/check/facts.h"

#define RAM      0x7f0000000000
#define RAM_SIZE 0x200000

/* A program, guest RAM in two mappings (the second of huge pages, which are not in Rss), and what looks like it. */
static const char smaps[] =
	"00400000-00500000 r-xp 00000000 08:01 42                         /usr/bin/vmm\n"
	"Size:               1024 kB\nRss:                 100 kB\nPss:                  50 kB\n"
	"Shared_Clean:         60 kB\nPrivate_Clean:        30 kB\nPrivate_Dirty:        10 kB\n"
	"VmFlags: rd ex mr mw me\n"
	"7f0000000000-7f0000100000 rw-p 00000000 00:00 0\n"
	"Rss:                1000 kB\nPss:                 900 kB\nPrivate_Dirty:       800 kB\n"
	"7f0000100000-7f0000200000 rw-s 00000000 00:0e 7                  /anon_hugepage (deleted)\n"
	"Rss:                   0 kB\nPss:                   0 kB\n"
	"Shared_Hugetlb:       16 kB\nPrivate_Hugetlb:    2048 kB\n"
	"7f0000200000-7f0000300000 rw-p 00000000 00:00 0 [stack]\n"
	"Rss:                   8 kB\nPss:                   4 kB\nPrivate_Dirty:         4 kB\n";

static int file_of(const char *text, size_t size)
{
	int fd = memfd_create("smaps", MFD_CLOEXEC);

	assert_int_equal(write(fd, text, size), size);
	return fd;
}

static void memory_is_summed_up(void **state)
{
	struct host_facts h = {.smaps = file_of(smaps, sizeof(smaps) - 1)};
	struct memory_use u;

	assert_int_equal(host_facts_memory(&h, (void *)RAM, RAM_SIZE, &u), 0);
	assert_int_equal(u.rss, (100 + 1000 + 16 + 2048 + 8) * KIB);
	assert_int_equal(u.pss, (50 + 900 + 16 + 2048 + 4) * KIB);
	assert_int_equal(u.guest_rss, (1000 + 16 + 2048) * KIB);
	assert_int_equal(u.guest_pss, (900 + 16 + 2048) * KIB);
	assert_int_equal(u.private, (30 + 10 + 4) * KIB);
	close(h.smaps);
}

/* More than the buffer holds, so that lines are cut everywhere in turn. */
static void lines_are_cut_nowhere(void **state)
{
	enum { COPIES = 60, PADS = 200 };
	static char text[PADS + COPIES * sizeof(smaps)];
	struct memory_use u;

	for (size_t pad = 0; pad < PADS; pad++) {
		size_t n = 0;
		struct host_facts h;

		for (; n < pad; n++)
			text[n] = n + 1 == pad ? '\n' : '-';
		for (unsigned i = 0; i < COPIES; i++, n += sizeof(smaps) - 1)
			memcpy(text + n, smaps, sizeof(smaps) - 1);
		h = (struct host_facts){.smaps = file_of(text, n)};
		assert_int_equal(host_facts_memory(&h, (void *)RAM, RAM_SIZE, &u), 0);
		assert_int_equal(u.rss, COPIES * 3172 * KIB);
		assert_int_equal(u.guest_pss, COPIES * 2964 * KIB);
		assert_int_equal(u.private, COPIES * 44 * KIB);
		close(h.smaps);
	}
}

static void no_smaps(void **state)
{
	struct host_facts none = {.smaps = -1}, unreadable = {.smaps = file_of("", 0)};
	struct memory_use u = {.rss = 4711};
	int fd[2];

	assert_int_equal(host_facts_memory(&none, (void *)RAM, RAM_SIZE, &u), -ENOENT);
	close(unreadable.smaps);
	assert_int_equal(pipe(fd), 0);
	unreadable.smaps = fd[0];
	assert_int_equal(host_facts_memory(&unreadable, (void *)RAM, RAM_SIZE, &u), -ESPIPE);
	assert_int_equal(u.rss, 4711);
	close(fd[0]);
	close(fd[1]);
}

/* Our own process: touched pages of a mapping are resident, the rest is not. */
static void what_is_touched_counts(void **state)
{
	const size_t touched = MIB, size = 4 * MIB;
	struct host_facts h;
	struct memory_use u;
	char *ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(ram, MAP_FAILED);
	assert_int_equal(madvise(ram, size, MADV_NOHUGEPAGE), 0);
	memset(ram, 'x', touched);
	host_facts_open(&h);
	assert_int_equal(host_facts_memory(&h, ram, size, &u), 0);
	assert_int_equal(u.guest_rss, touched);
	assert_true(u.guest_pss <= u.guest_rss && u.rss > u.guest_rss && u.private && u.pss >= u.guest_pss);
	host_facts_close(&h);
	host_facts_close(&h);
	munmap(ram, size);
}

/* The kernel's word for it, in /proc/cpuinfo: NULL where it has none. */
static char *cpuinfo(const char *key, char *buf, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char *value = NULL;

	assert_non_null(f);
	while (!value && fgets(buf, (int)size, f))
		if (!strncmp(buf, key, strlen(key)) && (value = strchr(buf, ':'))) {
			value += strspn(value, ": ");
			value[strcspn(value, "\n")] = '\0';
			for (size_t n = strlen(value); n && value[n - 1] == ' '; n--)
				value[n - 1] = '\0';
		}
	fclose(f);
	return value;
}

/* The name of the processor, and whether it is a real one. */
static void the_processor(void **state)
{
	char *text, *at, line[16384], want[256];
	const char *name = cpuinfo("model name", line, sizeof(line));
	struct host_facts h;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct json j;

	assert_non_null(name);
	snprintf(want, sizeof(want), "\"cpu\": \"%s\"", name);
	host_facts_open(&h);
	json_begin(&j, f);
	json_object(&j, NULL);
	host_facts_json_host(&h, 12, &j, "host");
	json_end(&j);
	assert_int_equal(json_finish(&j), 0);
	fclose(f);
	host_facts_close(&h);
	assert_non_null(strstr(text, want));
	at = strstr(text, "\"hypervisor\": ");
	assert_non_null(at);
	assert_int_equal(at[strlen("\"hypervisor\": ")] == '"',
		strstr(cpuinfo("flags", line, sizeof(line)), " hypervisor") != NULL);
	free(text);
}

/* A processor that is a program, or that another hypervisor lends, is no hardware, whatever flags it shows. */
static void the_kind_of_kvm(void **state)
{
	static const struct {
		struct kvm_signs signs;
		const char *kind, *text;
	} rows[] = {
		{{"AMD SVM", "kvm_amd", NULL, "", ""}, "hardware", "AMD SVM (kvm_amd)"},
		{{"Intel VMX", NULL, NULL, "Dell Inc. PowerEdge R640", ""}, "hardware", "Intel VMX"},
		{{"AMD SVM", "kvm_amd", "TCGTCGTCGTCG", "QEMU Standard PC", ""}, "emulated",
			"AMD SVM (kvm_amd), emulated by QEMU TCG"},
		{{"AMD SVM", "kvm_amd", NULL, "QEMU Standard PC", ""}, "nested or emulated",
			"AMD SVM (kvm_amd), nested in or emulated by QEMU"},
		{{"Intel VMX", "kvm_intel", "KVMKVMKVM", "QEMU Standard PC", ""}, "nested",
			"Intel VMX (kvm_intel), nested in KVM"},
		{{"Intel VMX", "kvm_intel", NULL, "The Bochs Project", ""}, "emulated",
			"Intel VMX (kvm_intel), emulated by Bochs"},
		{{"Intel VMX", "kvm_intel", "Microsoft Hv", "Microsoft Corporation Virtual Machine", ""}, "nested",
			"Intel VMX (kvm_intel), nested in Hyper-V"},
		{{"Intel VMX", "kvm_intel", "SomebodyElse", "", ""}, "nested",
			"Intel VMX (kvm_intel), nested in SomebodyElse"},
		{{"Intel VMX", "kvm_intel", NULL, "", "xen"}, "nested", "Intel VMX (kvm_intel), nested in Xen"},
		{{NULL, "kvm_pvm", "KVMKVMKVM", "", ""}, "software", "software (kvm_pvm), in a guest of KVM"},
		{{NULL, NULL, NULL, "", ""}, "software", "software"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[96];

		assert_string_equal(kvm_kind_name(kvm_kind_of(&rows[i].signs, text, sizeof(text))), rows[i].kind);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_summed_up),
		cmocka_unit_test(lines_are_cut_nowhere),
		cmocka_unit_test(no_smaps),
		cmocka_unit_test(what_is_touched_counts),
		cmocka_unit_test(the_processor),
		cmocka_unit_test(the_kind_of_kvm),
	};

	return run_group(tests);
}
