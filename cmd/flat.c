// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm flat`: programs without a kernel. Says in a line each how those ended that did not end well, and with --stats
 * what each of them took.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/confinement.h"
#include "cmd/logsink.h"
#include "cmd/main.h"
#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/plan.h"
#include "cmd/signals.h"
#include "cmd/terminal.h"
#include "vmm/base/units.h"
#include "vmm/base/words.h"
#include "vmm/program/flat.h"
#include "vmm/program/flat_layout.h"

#define MESSAGES_MAX 20

/**
 * struct session - what cmd_flat() holds while it runs
 * @spec: the words of the command line, cut apart; one allocation each
 */
struct session {
	struct flat_config config;
	struct flat_source *source;
	char **spec;
	struct trace *trace;
	struct logsink *log;
	struct loop *loop;
	struct terminal *terminal;
	struct flat *flat;
	struct confinement confinement;
	struct signals signals;
	struct hold pause;
};

static void session_destroy(struct session *s)
{
	flat_destroy(s->flat);
	terminal_close(s->terminal);
	signals_close(&s->signals);
	confinement_close(&s->confinement);
	loop_free(s->loop);
	trace_free(s->trace);
	logsink_free(s->log);
	for (unsigned i = 0; s->spec && i < s->config.nr; i++)
		free(s->spec[i]);
	free(s->spec);
	free(s->source);
}

/* --- What the operator says ---------------------------------------------------------------------------------- */

static int parse_mode(const char *text, struct flat_wish *w, struct err *e)
{
	for (enum entry_mode m = ENTRY_REAL; m <= ENTRY_LONG; m++) {
		if (!strcmp(text, flat_mode_name(m))) {
			w->mode = m;
			w->mode_given = true;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "mode=%.100s: not known; valid is one of real, protected, long", text);
}

static int parse_address(const char *key, const char *text, uint64_t *ret, struct err *e)
{
	uint64_t n;

	if (*ret != FLAT_UNSET)
		return err_set(e, -EINVAL, "%s: given twice", key);
	if (parse_u64(text, &n) < 0 || n == FLAT_UNSET)
		return err_set(
			e, -EINVAL, "%s=%.100s: not an address; digits, or 0x and hexadecimal digits", key, text);
	*ret = n;
	return 0;
}

static int parse_key(char *word, struct flat_wish *w, struct err *e)
{
	char *value = word, *key = strsep(&value, "=");

	if (!value)
		return err_set(e, -EINVAL, "%.100s: after the comma comes mode=, load= or entry=", key);
	if (!strcmp(key, "mode"))
		return w->mode_given ? err_set(e, -EINVAL, "mode: given twice") : parse_mode(value, w, e);
	if (!strcmp(key, "load"))
		return parse_address(key, value, &w->load, e);
	if (!strcmp(key, "entry"))
		return parse_address(key, value, &w->entry, e);
	return err_set(e, -EINVAL, "%.100s=: not known; valid is one of mode, load, entry", key);
}

/* PROG[,KEY=VALUE...]; cuts @spec apart. */
static int parse_source(char *spec, struct flat_source *ret, struct err *e)
{
	struct flat_source s = {.wish = {.load = FLAT_UNSET, .entry = FLAT_UNSET}};
	char *word;
	int r = 0;

	s.path = words_cut(&spec);
	if (!*s.path)
		return err_set(e, -EINVAL, "a program without a file name");
	while (r == 0 && (word = words_cut(&spec)))
		r = parse_key(word, &s.wish, e);
	if (r < 0)
		return err_wrap(e, r, "%.200s", s.path);
	*ret = s;
	return 0;
}

static int parse_sources(struct session *s, const char **words, size_t nr, struct err *e)
{
	int r = 0;

	if (!nr)
		return err_set(e, -EINVAL, "no program to run: vmm flat PROG[,mode=real|protected|long]...");
	s->source = calloc(nr, sizeof(*s->source));
	s->spec = calloc(nr, sizeof(*s->spec));
	if (!s->source || !s->spec)
		return err_set(e, -ENOMEM, "out of memory");
	for (; r == 0 && s->config.nr < nr; s->config.nr++) {
		char *copy = strdup(words[s->config.nr]);

		if (!copy)
			return err_set(e, -ENOMEM, "out of memory");
		s->spec[s->config.nr] = copy;
		r = parse_source(copy, &s->source[s->config.nr], e);
	}
	s->config.source = s->source;
	return r;
}

/* --- Running ------------------------------------------------------------------------------------------------- */

static void on_signal(void *arg, int signo)
{
	struct session *s = arg;

	flat_end(s->flat, OUTCOME_SIGNAL, DETECTOR_SIGNAL, (uint64_t)signo);
}

static void on_quit(void *arg)
{
	struct session *s = arg;

	flat_end(s->flat, OUTCOME_SIGNAL, DETECTOR_TERMINAL, SIGINT);
}

/* Ctrl-A P */
static void on_pause(void *arg)
{
	struct session *s = arg;

	if (!s->pause.on) {
		flat_hold(s->flat, &s->pause);
		return;
	}
	flat_release(s->flat, &s->pause);
	terminal_say_resumed(s->terminal, flat_is_held(s->flat));
}

static void on_paused(struct hold *h)
{
	terminal_say_paused(container_of(h, struct session, pause)->terminal);
}

/* The log has said who was late. */
static void on_pause_refused(struct hold *h, const char *late)
{
}

static const struct terminal_ops key_ops = {.quit = on_quit, .pause = on_pause};

/* A VM takes two files and a vCPU one: as many as we may have. */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int set_up(struct session *s, enum sandbox_mode mode, enum trace_level level, struct err *e)
{
	struct flat_stdio stdio = {.in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO};
	int r;

	s->pause = (struct hold){.held = on_paused, .refused = on_pause_refused};
	raise_file_limit();
	plan_flat_early(mode, &s->config, &s->confinement.plan);
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
	if (r == 0)
		r = terminal_open(STDIN_FILENO, &key_ops, s, &s->terminal, e);
	if (r < 0)
		return r;
	stdio.filter = terminal_filter(s->terminal);
	stdio.raw = s->terminal && isatty(STDOUT_FILENO);
	logsink_set_terminal(s->log, s->terminal);
	r = flat_open(&s->config, &stdio, s->trace, s->loop, &s->flat, e);
	if (r < 0)
		return r;
	plan_flat_confine(s->terminal, confinement_complaints(&s->confinement), &s->confinement.plan);
	r = confinement_enter(&s->confinement, s->terminal, e);
	if (r < 0)
		return r;
	flat_set_sandbox(s->flat, &s->confinement.sandbox);
	return flat_build(s->flat, e);
}

/* --- What came of it ----------------------------------------------------------------------------------------- */

static void say_end(const struct flat_result *r)
{
	const char *words = *r->words ? r->words : detector_text(r->verdict.by);

	switch (r->verdict.outcome) {
	case OUTCOME_DEBUG_EXIT:
		if (r->verdict.value > DEBUG_EXIT_MAX)
			fprintf(stderr, "vmm: %s: wrote %llu to the exit port: more than %d, so the status is %d\n",
				r->name, (unsigned long long)r->verdict.value, DEBUG_EXIT_MAX, EXIT_DEBUG_TOO_LARGE);
		break;
	case OUTCOME_CRASH:
		if (r->verdict.by == DETECTOR_FAULT)
			fprintf(stderr, "vmm: %s: %s\n", r->name, words);
		else
			fprintf(stderr, "vmm: %s: %s: %s\n", r->name, detector_text(r->verdict.by), words);
		break;
	case OUTCOME_TIMEOUT:
	case OUTCOME_FAILURE:
		fprintf(stderr, "vmm: %s: %s (%s)\n", r->name, outcome_text(r->verdict.outcome), words);
		break;
	default: break;
	}
}

static void say_ends(const struct session *s)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < s->config.nr; i++) {
		struct flat_result r;

		flat_result(s->flat, i, &r);
		if (verdict_exit_status(&r.verdict) && bad++ < MESSAGES_MAX)
			say_end(&r);
	}
	if (bad > MESSAGES_MAX)
		fprintf(stderr, "vmm: and %u more of %u programs did not end in 0\n", bad - MESSAGES_MAX, s->config.nr);
}

#define NAME_COLUMNS  20
#define STATS_COLUMNS 79

/* Two lines for each program, so that all figures fit on a terminal; a name that is longer has a line of its own. */
static void print_result(const struct flat_result *r)
{
	uint64_t all = 0, other;

	for (int x = 0; x < VCPU_EVENTS; x++)
		all += r->exits[x];
	other = all - r->exits[VCPU_PIO] - r->exits[VCPU_MMIO] - r->exits[VCPU_HLT];
	if (strlen(r->name) > NAME_COLUMNS)
		fprintf(stderr, "%.*s\n%-*s", STATS_COLUMNS, r->name, NAME_COLUMNS, "");
	else
		fprintf(stderr, "%-*s", NAME_COLUMNS, r->name);
	fprintf(stderr, " %-9s %8llu %8llu %8llu %8llu %8llu\n", flat_mode_name(r->mode), (unsigned long long)all,
		(unsigned long long)r->exits[VCPU_PIO], (unsigned long long)r->exits[VCPU_MMIO],
		(unsigned long long)r->exits[VCPU_HLT], (unsigned long long)other);
	fprintf(stderr, "%*s %12.1f %12.1f %12.1f %12.2f us\n", NAME_COLUMNS, "", (double)r->create_ns / 1e3,
		(double)r->guest_ns / 1e3, (double)r->vmm_ns / 1e3,
		all ? (double)(r->guest_ns + r->vmm_ns) / 1e3 / (double)all : 0.0);
}

static void print_stats(const struct session *s)
{
	fprintf(stderr, "%u %s in %u %s\n", s->config.nr, s->config.nr == 1 ? "program" : "programs", flat_vms(s->flat),
		flat_vms(s->flat) == 1 ? "VM" : "VMs");
	fprintf(stderr, "%-*s %-9s %8s %8s %8s %8s %8s\n", NAME_COLUMNS, "program", "mode", "exits", "port", "memory",
		"halt", "other");
	fprintf(stderr, "%*s %12s %12s %12s %12s\n", NAME_COLUMNS, "", "make vCPU", "in guest", "in vmm", "per exit");
	for (unsigned i = 0; i < s->config.nr; i++) {
		struct flat_result r;

		flat_result(s->flat, i, &r);
		print_result(&r);
	}
}

int cmd_flat(int argc, char **argv)
{
	enum { FLAT_OPTIONS(SUBSET_INDEX) };
	struct subset_option subset[] = {FLAT_OPTIONS(SUBSET_ROW){0}};
	CLEANUP_FREE const char **words = calloc((size_t)argc, sizeof(*words));
	CLEANUP(session_destroy) struct session s = {.signals = SIGNALS_NONE, .confinement = CONFINEMENT_NONE};
	struct err e = {};
	size_t nr = 0;
	int r;

	r = words ? subset_parse(argc, argv, "flat", subset, words, &nr, &e) : err_set(&e, -ENOMEM, "out of memory");
	if (r == 0)
		r = parse_sources(&s, words, nr, &e);
	err_operator(&e, r);
	if (r == 0) {
		s.config.mem_bytes = subset[MEM].value.n;
		s.config.isolate = subset[ISOLATE].value.n;
		s.config.timed = subset[STATS].value.n;
		s.config.deadline_ns = subset[TIMEOUT].value.n ? main_entry_ns() + subset[TIMEOUT].value.n : 0;
		s.config.gdb = subset[GDB].value.text;
		s.config.as = (struct sandbox_as){.mode = (enum sandbox_mode)subset[SANDBOX].value.n};
		r = set_up(&s, (enum sandbox_mode)subset[SANDBOX].value.n, (enum trace_level)subset[LOG_LEVEL].value.n,
			&e);
	}
	if (r == 0)
		r = flat_run(s.flat, &e);
	/* What follows is for the operator: the terminal is theirs again. */
	if (s.log)
		logsink_set_terminal(s.log, NULL);
	terminal_close(s.terminal);
	s.terminal = NULL;
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	say_ends(&s);
	if (s.config.timed)
		print_stats(&s);
	return flat_exit_status(s.flat);
}
