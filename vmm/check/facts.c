// SPDX-License-Identifier: Apache-2.0
#include "vmm/check/facts.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "vmm/base/clock.h"
#include "vmm/base/util.h"
#include "vmm/kvm/kvm.h"

/* The module that all share, and those that can be KVM behind it. kvm_pvm is a software one. */
static const char *const modules[] = {"kvm", "kvm_amd", "kvm_intel", "kvm_pvm"};

/* Parameters that affect measurements; the others are for debugging. */
static const char *const params[] = {"avic", "enable_apicv", "enable_pmu", "enable_vmware_backdoor", "ept", "eptad",
	"force_emulation_prefix", "halt_poll_ns", "ignore_msrs", "kvmclock_periodic_sync", "lapic_timer_advance_ns",
	"mitigate_smt_rsb", "mmio_caching", "nested", "npt", "nx_huge_pages", "ple_gap", "preemption_timer", "tdp_mmu",
	"unrestricted_guest", "vgif", "vls", "vpid"};

static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

/* Reads a small file as a whole, without its final newline; truncated to fit. */
static bool read_text(int fd, char *buf, size_t size)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, size - 1, 0);

	if (n < 0)
		return false;
	buf[n] = '\0';
	if (n && buf[n - 1] == '\n')
		buf[n - 1] = '\0';
	return true;
}

static bool read_path(const char *path, char *buf, size_t size)
{
	CLEANUP_FD int fd = open_file(path);

	return read_text(fd, buf, size);
}

/* Which machine this is; what cannot be read stays empty. A firmware that names no machine may name itself. */
static void read_machine(struct host_facts *h)
{
	size_t n;

	h->machine[0] = h->type[0] = '\0';
	read_path("/sys/hypervisor/type", h->type, sizeof(h->type));
	read_path("/sys/class/dmi/id/sys_vendor", h->machine, sizeof(h->machine) / 2);
	n = strlen(h->machine);
	if (!n)
		read_path("/sys/class/dmi/id/bios_vendor", h->machine, sizeof(h->machine));
	else if (read_path("/sys/class/dmi/id/product_name", h->machine + n + 1, sizeof(h->machine) - n - 1))
		h->machine[n] = ' ';
}

void host_facts_open(struct host_facts *ret)
{
	struct sysinfo si;

	*ret = (struct host_facts){.cpus_online = sysconf(_SC_NPROCESSORS_ONLN)};
	uname(&ret->name);
	if (sysinfo(&si) == 0)
		ret->memory_bytes = (uint64_t)si.totalram * si.mem_unit;
	ret->thp = open_file("/sys/kernel/mm/transparent_hugepage/enabled");
	ret->smaps = open_file("/proc/self/smaps");
	ret->status = open_file("/proc/self/status");
	ret->stat = open_file("/proc/self/stat");
	ret->ticks = sysconf(_SC_CLK_TCK);
	read_machine(ret);
	for (size_t m = 0; m < ARRAY_SIZE(modules); m++) {
		char path[64];
		int dir;

		snprintf(path, sizeof(path), "/sys/module/%s/parameters", modules[m]);
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			continue;
		ret->module = m ? modules[m] : NULL;
		for (size_t i = 0; i < ARRAY_SIZE(params) && ret->nr_params < HOST_FACTS_PARAMS_MAX; i++) {
			struct host_fact_param *p = &ret->param[ret->nr_params];
			int fd = openat(dir, params[i], O_RDONLY | O_CLOEXEC);

			if (fd < 0)
				continue;
			p->fd = fd;
			snprintf(p->module, sizeof(p->module), "%s", modules[m]);
			snprintf(p->name, sizeof(p->name), "%s", params[i]);
			ret->nr_params++;
		}
		close(dir);
	}
}

static void close_file(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void host_facts_close(struct host_facts *h)
{
	close_file(&h->thp);
	close_file(&h->smaps);
	close_file(&h->status);
	close_file(&h->stat);
	for (size_t i = 0; i < h->nr_params; i++)
		close_file(&h->param[i].fd);
	h->nr_params = 0;
}

#define CPUID_1_ECX_HYPERVISOR BIT(31)

/* Without the blanks that Intel puts in front. */
const char *host_facts_cpu(char buf[HOST_CPU_NAME_MAX])
{
	unsigned r[12];

	if ((unsigned)__get_cpuid_max(0x80000000, NULL) < 0x80000004)
		return NULL;
	for (unsigned i = 0; i < 3; i++)
		__get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
	memcpy(buf, r, 48);
	buf[48] = '\0';
	for (size_t n = strlen(buf); n && buf[n - 1] == ' '; n--)
		buf[n - 1] = '\0';
	return buf + strspn(buf, " ");
}

/* The hypervisor of this host, if it is itself a guest; else NULL. */
static const char *hypervisor(char *buf /* 13 bytes */)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & CPUID_1_ECX_HYPERVISOR))
		return NULL;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(buf, &b, 4);
	memcpy(buf + 4, &c, 4);
	memcpy(buf + 8, &d, 4);
	buf[12] = '\0';
	return buf;
}

enum kvm_kind host_facts_kvm(const struct host_facts *h, char *text, size_t size)
{
	char vendor[13];

	return kvm_kind_of(&(struct kvm_signs){.extension = kvm_hardware(),
				   .module = h->module,
				   .signature = hypervisor(vendor),
				   .machine = h->machine,
				   .type = h->type},
		text, size);
}

static void json_kvm(const struct host_facts *h, int kvm_api, struct json *j)
{
	const char *module = NULL;
	char text[96];

	json_object(j, "kvm");
	json_string(j, "kind", kvm_kind_name(host_facts_kvm(h, text, sizeof(text))));
	json_string(j, "text", text);
	if (kvm_api)
		json_i64(j, "api", kvm_api);
	else
		json_null(j, "api");
	json_object(j, "parameters");
	for (size_t i = 0; i < h->nr_params; i++) {
		const struct host_fact_param *p = &h->param[i];
		char value[64];

		if (!read_text(p->fd, value, sizeof(value)))
			continue;
		if (!module || strcmp(module, p->module)) {
			if (module)
				json_end(j);
			module = p->module;
			json_object(j, module);
		}
		json_string(j, p->name, value);
	}
	if (module)
		json_end(j);
	json_end(j);
	json_end(j);
}

void host_facts_json_host(const struct host_facts *h, int kvm_api, struct json *j, const char *key)
{
	char name[HOST_CPU_NAME_MAX], vendor[13], text[128];

	json_object(j, key);
	json_string(j, "kernel", h->name.release);
	json_string(j, "kernel_version", h->name.version);
	json_string(j, "cpu", host_facts_cpu(name));
	json_i64(j, "cpus_online", h->cpus_online);
	json_u64(j, "memory_bytes", h->memory_bytes);
	json_string(j, "virtualization", kvm_hardware() ? "hardware" : "software");
	json_string(j, "extension", kvm_hardware());
	json_string(j, "hypervisor", hypervisor(vendor));
	json_string(j, "machine", h->machine[0] ? h->machine : NULL);
	json_string(j, "thp", read_text(h->thp, text, sizeof(text)) ? text : NULL);
	json_kvm(h, kvm_api, j);
	json_end(j);
}

static const char *status_value(const char *status, const char *name, char *buf, size_t size)
{
	const char *at = strstr(status, name);
	size_t n;

	if (!at)
		return NULL;
	at += strlen(name);
	at += strspn(at, " \t");
	n = MIN(strcspn(at, "\n"), size - 1);
	memcpy(buf, at, n);
	buf[n] = '\0';
	return buf;
}

static uint64_t status_number(const char *status, const char *name)
{
	char value[32];

	return status_value(status, name, value, sizeof(value)) ? strtoull(value, NULL, 10) : 0;
}

/* proc(5): fields 10, 12, 14 and 15, counted from the end of the name, which may contain any character. */
void host_facts_json_process(const struct host_facts *h, struct json *j, const char *key)
{
	uint64_t minor = 0, major = 0, user = 0, kernel = 0, ns = h->ticks > 0 ? NSEC_PER_SEC / (uint64_t)h->ticks : 0;
	char stat[1024], status[4096];
	const char *at = read_text(h->stat, stat, sizeof(stat)) ? strrchr(stat, ')') : NULL;

	if (h->stat < 0 && h->status < 0) {
		json_null(j, key);
		return;
	}
	if (at &&
		sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64 " %*u %" SCNu64 " %" SCNu64, &minor,
			&major, &user, &kernel) != 4)
		minor = major = user = kernel = 0;
	if (!read_text(h->status, status, sizeof(status)))
		status[0] = '\0';
	json_object(j, key);
	json_u64(j, "user_ns", user * ns);
	json_u64(j, "system_ns", kernel * ns);
	json_u64(j, "max_rss_bytes", status_number(status, "\nVmHWM:") * KIB);
	json_u64(j, "minor_faults", minor);
	json_u64(j, "major_faults", major);
	json_u64(j, "voluntary_switches", status_number(status, "\nvoluntary_ctxt_switches:"));
	json_u64(j, "involuntary_switches", status_number(status, "\nnonvoluntary_ctxt_switches:"));
	json_end(j);
}

void host_facts_json_sandbox(const struct host_facts *h, struct json *j)
{
	static const struct {
		const char *key, *name;
		bool number;
	} rows[] = {
		{"no_new_privs", "\nNoNewPrivs:", true},
		{"seccomp_mode", "\nSeccomp:", true},
		{"seccomp_filters", "\nSeccomp_filters:", true},
		{"capabilities", "\nCapEff:", false},
		{"user", "\nUid:", false},
	};
	char status[4096], value[64];
	bool known = read_text(h->status, status, sizeof(status));

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *v = known ? status_value(status, rows[i].name, value, sizeof(value)) : NULL;

		if (v)
			value[strcspn(value, "\t")] = '\0';
		if (v && rows[i].number)
			json_u64(j, rows[i].key, strtoul(v, NULL, 10));
		else
			json_string(j, rows[i].key, v);
	}
}

/* Parses one line of smaps. @guest: whether the current mapping is guest RAM; set by its first line. */
static void smaps_line(const char *line, uint64_t ram, uint64_t ram_end, bool *guest, struct memory_use *u)
{
	unsigned long start, end;
	char name[32];
	uint64_t kb;

	if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
		*guest = ranges_overlap(start, end - start, ram, ram_end - ram);
		return;
	}
	if (sscanf(line, "%31[A-Za-z_]: %" SCNu64 " kB", name, &kb) != 2)
		return;
	kb *= KIB;
	if (!strcmp(name, "Rss")) {
		u->rss += kb;
		u->guest_rss += *guest ? kb : 0;
	} else if (!strcmp(name, "Pss")) {
		u->pss += kb;
		u->guest_pss += *guest ? kb : 0;
	} else if (!strcmp(name, "Private_Clean") || !strcmp(name, "Private_Dirty")) {
		u->private += *guest ? 0 : kb;
	} else if (!strcmp(name, "Private_Hugetlb") || !strcmp(name, "Shared_Hugetlb")) {
		/* Not in Rss and Pss, by the kernel's choice. */
		u->rss += kb;
		u->pss += kb;
		u->guest_rss += *guest ? kb : 0;
		u->guest_pss += *guest ? kb : 0;
	}
}

int host_facts_memory(const struct host_facts *h, const void *ram, uint64_t ram_size, struct memory_use *ret)
{
	uint64_t start = (uint64_t)(uintptr_t)ram;
	struct memory_use u = {0};
	char buf[4096];
	size_t used = 0;
	bool guest = false;
	off_t at = 0;
	ssize_t n;

	if (h->smaps < 0)
		return -ENOENT;
	while ((n = pread(h->smaps, buf + used, sizeof(buf) - 1 - used, at)) != 0) {
		char *line = buf, *end;

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		at += n;
		used += (size_t)n;
		buf[used] = '\0';
		while ((end = strchr(line, '\n'))) {
			*end = '\0';
			smaps_line(line, start, start + ram_size, &guest, &u);
			line = end + 1;
		}
		used -= (size_t)(line - buf);
		memmove(buf, line, used);
		if (used == sizeof(buf) - 1)
			used = 0; /* a path too long for a line, which belongs to no mapping of interest */
	}
	*ret = u;
	return 0;
}
