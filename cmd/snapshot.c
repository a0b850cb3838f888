// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm snapshot info FILE` and `vmm snapshot check FILE`: what a snapshot has, and whether it is whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/options/help.h"
#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/base/json.h"
#include "vmm/base/outcome.h"
#include "vmm/base/units.h"
#include "vmm/base/wrap.h"
#include "vmm/console/printable.h"
#include "vmm/cpuid/fits.h"
#include "vmm/cpuid/words.h"
#include "vmm/host/fileset.h"
#include "vmm/host/outfile.h"
#include "vmm/snapshot/snapshot.h"

#define INDENT 10

/**
 * struct view - a snapshot that is shown
 * @disk_bytes: what the file takes, holes left out
 * @features: names, with blanks between
 * @ram: what is known of the checksums of RAM and overlays: "right", or NULL: nobody has looked
 */
struct view {
	const char *path;
	struct snapshot s;
	uint64_t disk_bytes;
	uint64_t now_ns;
	char vendor[13];
	char features[4096];
	const char *ram;
};

static void add_feature(const char *name, void *arg)
{
	struct view *v = arg;
	size_t used = strlen(v->features);

	snprintf(v->features + used, sizeof(v->features) - used, "%s%s", used ? ", " : "", name);
}

static int name_features(struct view *v, struct err *e)
{
	CLEANUP_FREE struct cpuid_words *words = malloc(sizeof(*words));

	if (!words || cpuid_words_unpack(words) < 0)
		return err_sys(e, -ENOMEM, "cannot name its CPU features");
	cpuid_features(v->s.cpuid, words, add_feature, v);
	return 0;
}

/* --- Text ------------------------------------------------------------------------------------------------------- */

/* Of the file, which may be anything. */
static const char *shown(const char *text, char *buf, size_t size)
{
	printable_text(buf, size, text, strlen(text), PRINTABLE_LINE);
	return buf;
}

static void line(const char *name, const char *text)
{
	wrap_print(stdout, printf("%-*s", INDENT, name), INDENT, HELP_COLUMNS, text);
}

static void print_time(const struct view *v)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{24 * 3600, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	uint64_t created = v->s.facts.created_ns;
	time_t seconds = (time_t)(created / NSEC_PER_SEC);
	uint64_t age = v->now_ns > created ? (v->now_ns - created) / NSEC_PER_SEC : 0;
	char text[128], utc[64] = "";
	struct tm tm;
	size_t i = 0;

	if (gmtime_r(&seconds, &tm))
		strftime(utc, sizeof(utc), "%Y-%m-%d %H:%M:%S UTC", &tm);
	while (i < ARRAY_SIZE(units) - 1 && age < units[i].seconds)
		i++;
	age /= units[i].seconds;
	snprintf(text, sizeof(text), "%s, %" PRIu64 " %s%s ago", utc, age, units[i].name, age == 1 ? "" : "s");
	line("taken", text);
}

static void print_kernel(const struct view *v)
{
	const struct snapshot_facts *f = &v->s.facts;
	char banner[4 * SNAPSHOT_TEXT + 1], path[4 * SNAPSHOT_TEXT + 1], id[4 * 64 + 1];
	char text[sizeof(banner) + sizeof(path) + sizeof(id) + 64];

	shown(f->banner, banner, sizeof(banner));
	shown(f->kernel, path, sizeof(path));
	shown(f->build_id, id, sizeof(id));
	snprintf(text, sizeof(text), "%s%s%s%s%s", *banner ? banner : "unknown", *path ? ", from " : "", path,
		*id ? ", build id " : "", id);
	line("kernel", text);
}

static void print_settings(const char *settings)
{
	const char *name = "settings";

	while (*settings) {
		size_t len = strcspn(settings, "\n");
		char text[1024];

		/* A comment says for whom the file is. */
		if (len && *settings != '#') {
			printable_text(text, sizeof(text), settings, MIN(len, 200), PRINTABLE_LINE);
			line(name, text);
			name = "";
		}
		settings += len + (settings[len] == '\n');
	}
}

static void print_disks(const struct view *v)
{
	char size[UNITS_TEXT_MAX], text[128];

	for (uint32_t i = 0; i < v->s.facts.nr_disks; i++) {
		const struct snapshot_disk *d = &v->s.disk[i];
		int n = snprintf(text, sizeof(text), "%s", format_size(d->size_bytes, size));

		if (d->overlay)
			snprintf(text + n, sizeof(text) - (size_t)n, ", of which %.1fM are here, from its overlay",
				(double)(d->nr_blocks * SNAPSHOT_BLOCK) / MIB);
		line(i ? "" : "disks", text);
	}
}

static void print_text(const struct view *v)
{
	const struct snapshot_facts *f = &v->s.facts;
	char a[UNITS_TEXT_MAX], version[4 * SNAPSHOT_VERSION_SIZE], text[sizeof("vmm ") + sizeof(version)];

	line("file", v->path);
	snprintf(text, sizeof(text), "vmm %s", shown(v->s.version, version, sizeof(version)));
	line("made by", text);
	print_time(v);
	print_kernel(v);
	snprintf(text, sizeof(text), "%s, of which %.1fM are not zero, in %u part%s", format_size(f->mem_bytes, a),
		(double)f->ram_bytes / MIB, f->nr_extents, f->nr_extents == 1 ? "" : "s");
	line("memory", text);
	snprintf(text, sizeof(text), "%u of %s, TSC %.3f MHz", f->cpus, v->vendor, f->tsc_khz / 1000.0);
	line("cpus", text);
	line("needs", v->features);
	print_disks(v);
	print_settings(v->s.settings);
	snprintf(text, sizeof(text), "%.1fM on the disk", (double)v->disk_bytes / MIB);
	line("size", text);
	snprintf(text, sizeof(text), "state right, %s %s", v->s.facts.disk_bytes ? "RAM and disks" : "RAM",
		v->ram ? v->ram : "not looked at (vmm snapshot check)");
	line("checksums", text);
}

/* --- JSON ------------------------------------------------------------------------------------------------------- */

static void put_features(struct json *j, struct view *v)
{
	char *rest = NULL;

	json_array(j, "cpu_features");
	for (char *name = strtok_r(v->features, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
		json_string(j, NULL, name + strspn(name, " "));
	json_end(j);
}

static void put_disks(struct json *j, const struct snapshot *s)
{
	json_array(j, "disks");
	for (uint32_t i = 0; i < s->facts.nr_disks; i++) {
		const struct snapshot_disk *d = &s->disk[i];

		json_object(j, NULL);
		json_u64(j, "size_bytes", d->size_bytes);
		json_u64(j, "modified_ns", d->mtime_ns);
		json_bool(j, "overlay", d->overlay);
		json_u64(j, "overlay_bytes", d->nr_blocks * SNAPSHOT_BLOCK);
		json_end(j);
	}
	json_end(j);
}

static void write_json(FILE *out, struct view *v)
{
	const struct snapshot_facts *f = &v->s.facts;
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	json_string(&j, "file", v->path);
	json_string(&j, "vmm", v->s.version);
	json_u64(&j, "created_ns", f->created_ns);
	json_u64(&j, "age_ns", v->now_ns > f->created_ns ? v->now_ns - f->created_ns : 0);
	json_object(&j, "kernel");
	json_string(&j, "path", *f->kernel ? f->kernel : NULL);
	json_u64(&j, "bytes", f->kernel_bytes);
	json_string(&j, "build_id", *f->build_id ? f->build_id : NULL);
	json_string(&j, "version", *f->banner ? f->banner : NULL);
	json_end(&j);
	json_u64(&j, "memory_bytes", f->mem_bytes);
	json_u64(&j, "ram_bytes", f->ram_bytes);
	json_u64(&j, "extents", f->nr_extents);
	json_u64(&j, "cpus", f->cpus);
	json_u64(&j, "tsc_khz", f->tsc_khz);
	json_string(&j, "cpu_vendor", v->vendor);
	put_features(&j, v);
	put_disks(&j, &v->s);
	json_string(&j, "settings", v->s.settings);
	json_u64(&j, "state_bytes", f->state_bytes);
	json_u64(&j, "file_bytes", f->file_bytes);
	json_u64(&j, "disk_bytes", v->disk_bytes);
	json_object(&j, "checksums");
	json_string(&j, "state", "right");
	json_string(&j, "ram", v->ram);
	json_end(&j);
	json_end(&j);
	json_finish(&j);
}

static int write_file(struct view *v, const char *path, struct err *e)
{
	CLEANUP(outfile_close) struct outfile f = OUTFILE_CLOSED;
	struct fileset set = {0};
	int r;

	fileset_add(&set, "the snapshot", v->path, FILE_READ);
	fileset_add_streams(&set);
	fileset_add(&set, "--json", path, FILE_WRITE);
	r = fileset_check(&set, e);
	if (r == 0)
		r = outfile_open("--json", path, NULL, &f, e);
	if (r < 0)
		return r;
	outfile_begin(&f);
	write_json(f.out, v);
	return outfile_commit(&f, 0, e);
}

/* --- The commands ------------------------------------------------------------------------------------------------ */

static int show(struct view *v, const struct subset_option *json, bool check, struct err *e)
{
	struct stat st;
	int fd, r;

	r = err_operator(e, file_open_regular("snapshot", v->path, &fd, e));
	if (r < 0)
		return r;
	r = err_operator(e, snapshot_read(fd, NULL, &v->s, e));
	if (r == 0 && check)
		r = err_operator(e, snapshot_check_ram(&v->s, e));
	if (r == 0 && check)
		r = err_operator(e, snapshot_check_disks(&v->s, e));
	if (r == 0) {
		v->ram = check ? "right" : NULL;
		v->now_ns = clock_ns(CLOCK_REALTIME);
		v->disk_bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
		snapshot_vendor(&v->s, v->vendor);
		r = name_features(v, e);
	} else {
		err_wrap(e, r, "%s", v->path);
	}
	close(fd);
	if (r < 0)
		return r;
	if (json->given)
		return write_file(v, json->value.text, e);
	print_text(v);
	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		return err_sys(e, errno ? -errno : -EIO, "cannot write to standard output");
	return 0;
}

static int run(int argc, char **argv, const char *command, bool check)
{
	enum { SNAPSHOT_OPTIONS(SUBSET_INDEX) };
	struct subset_option subset[] = {SNAPSHOT_OPTIONS(SUBSET_ROW){0}};
	CLEANUP_FREE const char **words = calloc((size_t)argc + 1, sizeof(*words));
	CLEANUP_FREE struct view *v = calloc(1, sizeof(*v));
	struct err e = {};
	size_t nr = 0;
	int r;

	r = words && v ? subset_parse(argc, argv, command, subset, words, &nr, &e)
		       : err_sys(&e, -ENOMEM, "cannot start");
	if (r == 0 && nr != 1)
		r = err_set(&e, -EINVAL, "%s: vmm %s FILE shows what vmm --snapshot FILE wrote",
			nr ? "more than one snapshot" : "no snapshot given", command);
	err_operator(&e, r);
	if (r == 0) {
		v->path = words[0];
		v->s = SNAPSHOT_NONE;
		r = show(v, &subset[JSON], check, &e);
		snapshot_destroy(&v->s);
	}
	if (r < 0)
		fprintf(stderr, "vmm: %s\n", e.text);
	return r < 0 ? err_exit_status(&e) : 0;
}

int cmd_snapshot(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "info"))
		return run(argc - 1, argv + 1, "snapshot info", false);
	if (argc > 1 && !strcmp(argv[1], "check"))
		return run(argc - 1, argv + 1, "snapshot check", true);
	fprintf(stderr, "vmm: %s%s: vmm snapshot info FILE or vmm snapshot check FILE\n",
		argc > 1 ? argv[1] : "snapshot", argc > 1 ? ": not known" : " does what");
	return EXIT_USAGE;
}
