// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm exec`: a Linux program without a kernel. Its streams are the command's, its exit status too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/confinement.h"
#include "cmd/exec_call.h"
#include "cmd/exec_each.h"
#include "cmd/logsink.h"
#include "cmd/main.h"
#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/plan.h"
#include "cmd/signals.h"
#include "vmm/base/outcome.h"
#include "vmm/exec/exec.h"
#include "vmm/exec/task.h"

/* From here on a status may be ours too: a line says whose it is. */
#define STATUS_SAID 124

/**
 * struct session - what cmd_exec() holds while it runs
 * @each: with --each-line or --each-frame; @calls: with --call; @wanted: how
 * @envp: one allocation; its strings are borrowed
 */
struct session {
	struct exec_config config;
	struct exec_each each;
	struct exec_calls calls;
	struct each_config wanted;
	const char **envp;
	struct trace *trace;
	struct logsink *log;
	struct loop *loop;
	struct exec *exec;
	struct confinement confinement;
	struct signals signals;
};

static void session_destroy(struct session *s)
{
	exec_destroy(s->exec);
	each_close(s->each.each);
	exec_calls_free(&s->calls);
	signals_close(&s->signals);
	confinement_close(&s->confinement);
	loop_free(s->loop);
	trace_free(s->trace);
	logsink_free(s->log);
	free(s->envp);
}

/* --- What the operator says ---------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return !strncmp(a, b, len + 1);
}

/* What every program has, unless --env says otherwise, and what that says; a later one replaces an earlier. */
static int set_environment(struct session *s, const struct subset_option *env, struct err *e)
{
	static const char *const always[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8"};
	size_t nr = 0;

	s->envp = calloc(ARRAY_SIZE(always) + env->nr + 1, sizeof(*s->envp));
	if (!s->envp)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		s->envp[nr++] = always[i];
	for (size_t i = 0; i < env->nr; i++) {
		const char *word = env->all[i];
		size_t at = 0;

		if (!strchr(word, '=') || *word == '=')
			return err_set(e, -EINVAL, "--env %.200s: not of the form NAME=VALUE", word);
		while (at < nr && !same_name(s->envp[at], word))
			at++;
		nr += at == nr;
		s->envp[at] = word;
	}
	s->config.envp = s->envp;
	return 0;
}

static void set_streams(struct exec_config *c)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		c->host[fd] = fcntl(fd, F_GETFD) < 0 ? -1 : fd;
}

/* --- Running ------------------------------------------------------------------------------------------------- */

/* The soft limit of many hosts is less than a program may have open. */
static void raise_files(const struct exec_config *c)
{
	struct rlimit limit;

	if ((!c->nr_ro && !c->nr_rw && !c->system) || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void on_signal(void *arg, int signo)
{
	struct session *s = arg;

	exec_end(s->exec, EXEC_INTERRUPTED, (unsigned)signo);
}

static int set_up(struct session *s, enum sandbox_mode mode, enum trace_level level, struct err *e)
{
	int r;

	raise_files(&s->config);
	plan_exec_early(mode, &s->config, &s->confinement.plan);
	r = sandbox_early(&s->confinement.sandbox, &s->confinement.plan, e);
	if (r < 0)
		return r;
	r = trace_new(main_entry_ns(), &s->trace);
	if (r == 0)
		r = logsink_new(STDERR_FILENO, level, &s->log);
	if (r == 0)
		r = loop_new(&s->loop);
	if (r < 0)
		return err_sys(e, r, "cannot set up");
	trace_add_sink(s->trace, logsink_sink(s->log));
	sandbox_open(&s->confinement.sandbox, s->trace);
	r = signals_watch(&s->signals, s->loop, s->trace, 0, on_signal, s, e);
	if (r == 0 && s->config.rounds && !s->config.calls)
		r = each_open(&s->wanted, &s->each.each, e);
	if (r == 0)
		r = exec_open(&s->config, s->trace, s->loop, &s->exec, e);
	if (r == 0)
		r = exec_calls_open(&s->calls, s->exec, e);
	if (r < 0)
		return r;
	plan_exec_confine(exec_mounts(s->exec), confinement_complaints(&s->confinement), &s->confinement.plan);
	r = confinement_enter(&s->confinement, NULL, e);
	if (r < 0)
		return r;
	exec_set_sandbox(s->exec, &s->confinement.sandbox);
	r = exec_build(s->exec, e);
	if (r < 0 || !s->config.rounds)
		return r;
	return s->config.calls ? exec_calls_begin(&s->calls, s->exec, s->wanted.limit_ns, e)
			       : exec_each_begin(&s->each, s->exec, s->wanted.limit_ns, s->loop, e);
}

/* --- What came of it ----------------------------------------------------------------------------------------- */

/* The status alone does not say whose it is. */
static void say_end(const struct session *s)
{
	const char *path = s->config.path;
	struct exec_result r;
	char name[16];

	exec_result(s->exec, &r);
	switch (r.how) {
	case EXEC_EXITED:
		if (r.value >= STATUS_SAID)
			fprintf(stderr, "vmm: %s: the program ended itself with status %u\n", path, r.value);
		break;
	case EXEC_SIGNALED:
		fprintf(stderr, "vmm: %s: ended by %s%s%s%s\n", path, exec_signal_name((int)r.value, name),
			*r.words ? " (" : "", r.words, *r.words ? ")" : "");
		break;
	case EXEC_TIMEOUT: fprintf(stderr, "vmm: %s: the time limit ran out\n", path); break;
	case EXEC_UNREADY: fprintf(stderr, "vmm: %s: it %s\n", path, r.words); break;
	case EXEC_FAILED:
		if (*r.words)
			fprintf(stderr, "vmm: %s: vmm or its host failed: %s\n", path, r.words);
		break;
	default: break;
	}
}

static void print_stats(const struct session *s)
{
	struct exec_result r;
	uint64_t all = 0;

	exec_result(s->exec, &r);
	for (int x = 0; x < VCPU_EVENTS; x++)
		all += r.exits[x];
	fprintf(stderr, "%llu system calls, %llu page faults, %llu exits; at most %llu KiB of memory\n",
		(unsigned long long)r.calls, (unsigned long long)r.faults, (unsigned long long)all,
		(unsigned long long)r.pages * 4);
	fprintf(stderr, "%.1f us in the program, %.1f us in vmm, %.2f us per exit\n", (double)r.guest_ns / 1e3,
		(double)r.vmm_ns / 1e3, all ? (double)(r.guest_ns + r.vmm_ns) / 1e3 / (double)all : 0.0);
}

static int configure_each(struct session *s, const struct subset_option *o, struct err *e)
{
	enum { EXEC_OPTIONS(SUBSET_INDEX) };
	bool lines = o[EACH_LINE].value.n != EACH_LINE_OFF, frames = o[EACH_FRAME].value.n;

	if (lines + frames + o[CALL].given > 1)
		return err_set(e, -EINVAL, "one of --each-line, --each-frame and --call");
	if (!lines && !frames && !o[CALL].given && (o[LINE_TIMEOUT].given || o[RESET].given))
		return err_set(e, -EINVAL, "--%s: needs --each-line, --each-frame or --call",
			o[LINE_TIMEOUT].given ? "line-timeout" : "reset");
	s->config.calls = o[CALL].given;
	s->config.rounds = lines || frames || s->config.calls;
	s->each.keep = s->calls.keep = o[RESET].value.n;
	s->wanted = (struct each_config){frames, o[EACH_LINE].value.n == EACH_LINE_JSON, o[LINE_TIMEOUT].value.n};
	return s->config.calls ? exec_calls_parse(o[CALL].all, o[CALL].nr, &s->calls, e) : 0;
}

/* Fills @s->config. Return: 0 or -EINVAL */
static int configure(struct session *s, const struct subset_option *o, const char **words, size_t nr, struct err *e)
{
	enum { EXEC_OPTIONS(SUBSET_INDEX) };
	int r;

	if (!nr)
		return err_set(e, -EINVAL, "no program to run: vmm exec [OPTION...] PROGRAM [ARGUMENT...]");
	if (o[CWD].value.text[0] != '/')
		return err_set(e, -EINVAL, "--cwd %.200s: not an absolute path", o[CWD].value.text);
	r = set_environment(s, &o[ENV], e);
	if (r < 0)
		return r;
	s->config.path = words[0];
	s->config.argv = words;
	s->config.cwd = o[CWD].value.text;
	s->config.ro = o[RO].all;
	s->config.nr_ro = o[RO].nr;
	s->config.rw = o[RW].all;
	s->config.nr_rw = o[RW].nr;
	s->config.tmp_bytes = o[TMP].value.n;
	s->config.system = o[SYSTEM].value.n;
	s->config.mem_bytes = o[MEM].value.n;
	s->config.timed = o[STATS].value.n;
	s->config.trace_fd = o[TRACE_CALLS].value.n ? STDERR_FILENO : -1;
	s->config.deadline_ns = o[TIMEOUT].value.n ? main_entry_ns() + o[TIMEOUT].value.n : 0;
	set_streams(&s->config);
	return configure_each(s, o, e);
}

int cmd_exec(int argc, char **argv)
{
	enum { EXEC_OPTIONS(SUBSET_INDEX) };
	struct subset_option subset[] = {EXEC_OPTIONS(SUBSET_ROW){0}};
	CLEANUP_FREE const char **words = calloc((size_t)argc + 1, sizeof(*words));
	CLEANUP_FREE const char **env = calloc((size_t)argc * 4, sizeof(*env));
	CLEANUP(session_destroy) struct session s = {.signals = SIGNALS_NONE, .confinement = CONFINEMENT_NONE};
	struct err e = {};
	size_t nr = 0;
	int r;

	/* Each of them can be given as often as there are words. */
	subset[ENV].all = env;
	subset[RO].all = env + argc;
	subset[RW].all = env + 2 * (size_t)argc;
	subset[CALL].all = env + 3 * (size_t)argc;
	r = words && env ? subset_parse(argc, argv, "exec", subset, words, &nr, &e)
			 : err_set(&e, -ENOMEM, "out of memory");
	if (r == 0)
		r = configure(&s, subset, words, nr, &e);
	err_operator(&e, r);
	if (r == 0)
		r = set_up(&s, (enum sandbox_mode)subset[SANDBOX].value.n, (enum trace_level)subset[LOG_LEVEL].value.n,
			&e);
	if (r == 0)
		r = exec_run(s.exec, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	say_end(&s);
	if (s.config.timed)
		print_stats(&s);
	return exec_exit_status(s.exec);
}
