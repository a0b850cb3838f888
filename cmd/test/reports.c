// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/reports.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/seccomp.h"
#include "security/sigsys.h"
#include "security/stages.h"
#include "vmm/host/fileset.h"

/* Landlock rights that creating or overwriting a file in a directory needs. */
#define LL_MAKE_FILES (LL_WRITE_FILE | LL_MAKE_REG | LL_TRUNCATE)

/* --- Open ------------------------------------------------------------------------------------------------------ */

/* Splits "out/junit.xml" into the directory "out", the stem "junit" and, after the file's number, ".xml". */
static int find_more(struct reports *r, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
	CLEANUP_FREE char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	r->junit_end = dot && dot > base ? dot : base + strlen(base);
	r->junit_stem = strndup(base, (size_t)(r->junit_end - base));
	if (!dir || !r->junit_stem)
		return err_set(e, -ENOMEM, "out of memory");
	r->junit_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->junit_dir < 0 ? err_sys(e, -errno, "--junit %s", path) : 0;
}

int reports_open(struct reports *r, const char *junit, const char *ktap, const char *json, struct err *e)
{
	static const struct sandbox_as as = {.mode = SANDBOX_BEST_EFFORT};
	struct fileset files = {0};
	int code;

	fileset_add_streams(&files);
	fileset_add(&files, "--junit", junit, FILE_WRITE);
	fileset_add(&files, "--ktap", ktap, FILE_WRITE);
	fileset_add(&files, "--json", json, FILE_WRITE);
	code = fileset_check(&files, e);
	if (code == 0 && junit)
		code = outfile_open("--junit", junit, &as, &r->junit, e);
	if (code == 0 && junit)
		code = find_more(r, junit, e);
	if (code == 0 && ktap)
		code = outfile_open("--ktap", ktap, &as, &r->ktap, e);
	if (code == 0 && json)
		code = outfile_open("--json", json, &as, &r->json, e);
	return code;
}

void reports_close(struct reports *r)
{
	outfile_close(&r->junit);
	outfile_close(&r->ktap);
	outfile_close(&r->json);
	cleanup_fd(&r->junit_dir);
	free(r->junit_stem);
	*r = REPORTS_CLOSED;
}

/* --- Confined -------------------------------------------------------------------------------------------------- */

static int confine_paths(const struct reports *r, int log_dir, struct err *e)
{
	struct landlock_allow allow[2];
	int abi = landlock_abi();
	size_t nr = 0;

	if (log_dir >= 0)
		allow[nr++] = (struct landlock_allow){.fd = log_dir, .rights = LL_MAKE_FILES};
	if (r->junit_dir >= 0)
		allow[nr++] = (struct landlock_allow){.fd = r->junit_dir, .rights = LL_MAKE_FILES};
	if (abi > 0)
		return landlock_restrict(abi, allow, nr, e);
	fputs("vmm: warning: this host has no Landlock: what reads the output of guests can open files\n", stderr);
	return 0;
}

/* stdio looks at a file before it makes a buffer for it, by calls that the filter does not have. */
static void give_buffer(FILE *f, unsigned i)
{
	/* Standard output keeps its buffer until the process ends. */
	static char buffer[5][4096];

	if (f)
		setvbuf(f, buffer[i], _IOFBF, sizeof(buffer[i]));
}

static int confine_calls(const struct reports *r, int log_dir, struct err *e)
{
	struct sandbox_fds fds = SANDBOX_NO_FDS;
	int code;

	if (!seccomp_available()) {
		fputs("vmm: warning: this host has no seccomp: what reads the output of guests can make any call\n",
			stderr);
		return 0;
	}
	give_buffer(stdout, 0);
	give_buffer(r->junit.out, 1);
	give_buffer(r->ktap.out, 2);
	give_buffer(r->json.out, 3);
	/* gmtime_r() reads the time zone when it is called first. */
	tzset();
	fds.of[SANDBOX_FD_FILES][0] = log_dir;
	fds.of[SANDBOX_FD_FILES][1] = r->junit_dir;
	code = sigsys_install(STDERR_FILENO, NULL);
	sigsys_set_role(SANDBOX_RUNNER);
	if (code == 0)
		code = seccomp_install(SANDBOX_RUNNER, SANITIZED ? SANDBOX_HAS(SANITIZER) : 0, &fds);
	return code < 0 ? err_sys(e, code, "cannot filter system calls") : 0;
}

int reports_confine(struct reports *r, int log_dir, struct err *e)
{
	int code = confine_no_new_privs(e);

	if (code == 0)
		code = confine_drop_capabilities(e);
	if (code == 0)
		code = confine_paths(r, log_dir, e);
	return code == 0 ? confine_calls(r, log_dir, e) : code;
}

/* --- Written --------------------------------------------------------------------------------------------------- */

static void close_more(struct reports *r)
{
	if (r->more && fclose(r->more) && r->r == 0)
		r->r = -errno;
	r->more = NULL;
}

static FILE *next_junit(void *arg, unsigned i)
{
	struct reports *r = arg;
	CLEANUP_FREE char *name = NULL;
	int fd;

	if (i == 0)
		return r->junit.out;
	close_more(r);
	if (asprintf(&name, "%s-%u%s", r->junit_stem, i + 1, r->junit_end) < 0)
		return NULL;
	fd = openat(r->junit_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0) {
		r->r = -errno;
		return NULL;
	}
	r->more = fdopen(fd, "w");
	give_buffer(r->more, 4);
	return r->more;
}

static int write_junit(struct reports *r, const struct results *all)
{
	int code = results_junit(all, next_junit, r, RESULTS_FILE_MAX);

	close_more(r);
	return r->r < 0 ? r->r : code;
}

/* If several reports fail, the first error is returned; the other reports are written all the same. */
static int commit(struct outfile *f, int code, int before, struct err *e)
{
	struct err own = {};
	int r = outfile_commit(f, code, &own);

	if (r < 0 && before == 0)
		*e = own;
	return before < 0 ? before : r;
}

int reports_write(struct reports *r, const struct results *all, struct err *e)
{
	int code = 0;

	if (r->junit.out) {
		outfile_begin(&r->junit);
		code = commit(&r->junit, write_junit(r, all), code, e);
	}
	if (r->ktap.out) {
		outfile_begin(&r->ktap);
		code = commit(&r->ktap, results_ktap(all, r->ktap.out), code, e);
	}
	if (r->json.out) {
		outfile_begin(&r->json);
		code = commit(&r->json, results_json(all, r->json.out), code, e);
	}
	return code;
}
