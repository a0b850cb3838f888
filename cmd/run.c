// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm run`, the default command: open, build, run, and report how it ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/each.h"
#include "cmd/logsink.h"
#include "cmd/main.h"
#include "cmd/options/commands.h"
#include "cmd/options/help.h"
#include "cmd/options/ini.h"
#include "cmd/options/parse.h"
#include "cmd/options/report_config.h"
#include "cmd/options/restore.h"
#include "cmd/plan.h"
#include "cmd/run.h"
#include "cmd/runfiles.h"
#include "cmd/terminal.h"
#include "cmd/working_set.h"
#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/base/gmem.h"
#include "vmm/base/path.h"
#include "vmm/console/console.h"
#include "vmm/machine/hints.h"
#include "vmm/machine/machine.h"
#include "vmm/report/kernel_id.h"
#include "vmm/report/report.h"

/* The guest is asked first, so it has to run. */
static void ask_to_end(struct run *run, int signo)
{
	/* Of the guests of --each-line and --each-frame none has anything to lose. */
	if (run->each) {
		machine_end(run->machine, OUTCOME_SIGNAL, DETECTOR_SIGNAL, (uint64_t)signo);
		return;
	}
	machine_release(run->machine, &run->pause);
	machine_terminate(run->machine, signo);
}

static void on_signal(void *arg, int signo)
{
	struct run *run = arg;

	if (signo == SIGUSR1 || signo == SIGUSR2)
		machine_balloon(run->machine, signo == SIGUSR1);
	else if (signo == SIGRTMIN + 2)
		machine_dump(run->machine, &run->dump);
	else if (signo == SIGRTMIN + 1)
		machine_snapshot(run->machine);
	else if (signo == SIGWINCH)
		machine_command_window(run->machine);
	else if (signo == SIGQUIT)
		machine_end(run->machine, OUTCOME_SIGNAL, DETECTOR_SIGNAL, (uint64_t)signo);
	else
		ask_to_end(run, signo);
}

/* Ctrl-A P */
static void on_pause(void *arg)
{
	struct run *run = arg;

	if (!run->pause.on) {
		machine_hold(run->machine, &run->pause);
		return;
	}
	machine_release(run->machine, &run->pause);
	terminal_say_resumed(run->terminal, machine_is_held(run->machine));
}

static void on_paused(struct hold *h)
{
	struct run *run = container_of(h, struct run, pause);

	terminal_say_paused(run->terminal);
}

/* The log has named the one that was late. */
static void on_pause_refused(struct hold *h, const char *late)
{
}

/* Ctrl-A D */
static void on_dump(void *arg)
{
	struct run *run = arg;

	machine_dump(run->machine, &run->dump);
}

/* To the terminal where that is ours now, else to where errors go. */
static COLD void say(struct run *run, const char *what, const char *path, const char *why)
{
	char line[PATH_MAX + 256];
	bool raw = terminal_is_raw(run->terminal);

	snprintf(line, sizeof(line), "%svmm: %s%s%s%s", raw ? "\r\n" : "", path ? what : "", path ? " written: " : "",
		path ? path : why, raw ? "\r\n" : "\n");
	if (raw)
		terminal_say(run->terminal, line);
	else
		fputs(line, stderr);
}

static void on_dumped(struct core_request *q, const char *path, const char *why)
{
	say(container_of(q, struct run, dump), "core", path, why);
}

/* Ctrl-A S */
static COLD void on_snapshot(void *arg)
{
	struct run *run = arg;

	if (run->config.snapshot)
		machine_snapshot(run->machine);
	else
		say(run, "", NULL, "there is no --snapshot FILE to write a snapshot to");
}

static void on_snapshot_done(void *arg, const char *path, const char *why)
{
	say(arg, "snapshot", path, why);
}

/* Ctrl-A X: the operator ends the machine at once. */
static void on_quit(void *arg)
{
	struct run *run = arg;

	machine_end(run->machine, OUTCOME_SIGNAL, DETECTOR_TERMINAL, SIGINT);
}

/* Reports how the run ended, if the exit status does not say enough, or at a higher log level. */
static void say_verdict(const struct run *run, const struct verdict *v)
{
	char line[PANIC_TEXT_LINE_MAX * 4];

	if (run->config.root && command_say(run->machine, v))
		return;

	if (machine_snapshot_end(run->machine))
		fprintf(stderr, "vmm: %s\n", machine_snapshot_end(run->machine));
	if (machine_core_end(run->machine))
		fprintf(stderr, "vmm: %s\n", machine_core_end(run->machine));
	switch (v->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_HALT:
	case OUTCOME_CRASH:
	case OUTCOME_FAILURE:
		fprintf(stderr, "vmm: %s (%s)\n", outcome_text(v->outcome), detector_text(v->by));
		machine_report(run->machine, stderr);
		break;
	case OUTCOME_PANIC:
		fprintf(stderr, "vmm: %s (%s%s)", outcome_text(v->outcome), detector_text(v->by),
			v->by == DETECTOR_CONSOLE ? ", which a program in the guest can fake" : "");
		if (console_panic_line(machine_console(run->machine), line, sizeof(line)))
			fprintf(stderr, ": %s", line);
		fputc('\n', stderr);
		break;
	case OUTCOME_DEBUG_EXIT:
		if (v->value > DEBUG_EXIT_MAX)
			fprintf(stderr,
				"vmm: the guest wrote %llu to the debug-exit port: more than %d, so the status is %d\n",
				(unsigned long long)v->value, DEBUG_EXIT_MAX, EXIT_DEBUG_TOO_LARGE);
		break;
	default: break;
	}
	if (run->config.log_level >= TRACE_WARN)
		machine_hints(run->machine, v, stderr);
}

void run_destroy(struct run *run)
{
	/* The console borrows the terminal, the machine the loop and the trace, the trace the log and the report. */
	machine_destroy(run->machine);
	each_close(run->each);
	run_set_free(run->set);
	terminal_close(run->terminal);
	signals_close(&run->signals);
	confinement_close(&run->confinement);
	loop_free(run->loop);
	trace_free(run->trace);
	report_free(run->report);
	free(run->setting);
	free(run->settings);
	if (run->restored.fd >= 0)
		close(run->restored.fd);
	snapshot_destroy(&run->restored);
	logsink_free(run->log);
	config_destroy(&run->config);
}

/* CPU time of the process so far: what the loader and the C library took before main. */
static uint64_t cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* The program and the settings for a report or a trace; nothing for a run without them. */
int run_describe(struct run *run, char **argv, struct err *e)
{
	if (!run->config.report && !run->config.trace)
		return 0;
	run->setting = calloc(REPORT_CONFIG_MAX, sizeof(*run->setting));
	if (!run->setting)
		return err_sys(e, -ENOMEM, "cannot allocate the report");
	help_build(&run->info);
	run->info.argv = argv;
	run->info.exec_to_main_ns = main_exec_ns() ? main_entry_ns() - main_exec_ns() : 0;
	run->info.setting = run->setting;
	run->info.nr_settings = report_config(&run->config, run->setting);
	return 0;
}

COLD void run_version(char ret[static SNAPSHOT_VERSION_SIZE])
{
	struct report_info info = {0};

	help_build(&info);
	snprintf(ret, SNAPSHOT_VERSION_SIZE, "%s (%s)", info.version, info.commit);
}

static void copy_text(char *to, const char *from)
{
	snprintf(to, SNAPSHOT_TEXT, "%.*s", SNAPSHOT_TEXT - 1, from);
}

/* Which kernel it is; what is not known stays empty. */
static void snapshot_kernel(const char *path, struct snapshot_facts *ret)
{
	CLEANUP_FREE struct kernel_id *id = calloc(1, sizeof(*id));
	struct stat st;
	int fd = path_open(path, O_RDONLY, 0);

	copy_text(ret->kernel, path);
	if (id && fd >= 0 && fstat(fd, &st) == 0) {
		ret->kernel_bytes = (uint64_t)st.st_size;
		kernel_id_read(fd, ret->kernel_bytes, id);
		snprintf(ret->build_id, sizeof(ret->build_id), "%s", id->build_id);
		copy_text(ret->banner, id->version);
	}
	if (fd >= 0)
		close(fd);
}

/* What a snapshot, and a machine that is restored from one, has besides its configuration. */
COLD int run_describe_machine(struct run *run, struct err *e)
{
	struct machine_facts f = {
		.version = run->version,
		.snapshot = run->restored.facts,
		.snapshot_done = on_snapshot_done,
		.arg = run,
		.restore = run->restored.fd >= 0 ? &run->restored : NULL,
		.resets = run->each,
		.clone = 1,
		.clones = 1,
		.word = (const uint8_t *)run->word,
		.word_size = run->word_size,
		.working_set = run->set ? &run->set->set : NULL,
		.watch_fd = run->watch_fd,
	};
	int r = run_set_open(run->set, e);

	if (r < 0)
		return r;
	run_version(run->version);
	if (run->config.snapshot) {
		r = restore_settings(&run->config, &run->settings, e);
		f.settings = run->settings;
	}
	if (r == 0 && run->config.snapshot && run->config.kernel)
		snapshot_kernel(run->config.kernel, &f.snapshot);
	return r == 0 ? machine_describe(run->machine, &f, e) : r;
}

int run_check(const struct run *run, struct err *e)
{
	const struct config *c = &run->config;

	for (size_t i = 0; i < c->nr_disks && run->restored.fd < 0; i++)
		if (c->disk[i].changed)
			return err_set(e, -EINVAL, "--disk path=%s: changed is for `vmm restore`", c->disk[i].path);
	if (c->root && !c->nr_command && !c->snapshot)
		return err_set(e, -EINVAL,
			"--root %s: which command? Its words stand at the end, behind --; a kernel's root is --append "
			"root=%s",
			c->root, c->root);
	if (!c->kernel && run->restored.fd < 0)
		return err_set(
			e, -EINVAL, "no kernel to boot: name one, as in `vmm --kernel FILE`; `vmm help run` lists all");
	if (c->out && !c->root)
		return err_set(e, -EINVAL, "--out %s: the files of a command; --root runs one", c->out);
	return runfiles_check(c, e);
}

/* Only on a terminal, not in scripts and logs. */
static void say_root(const struct sandbox_achieved *got)
{
	if (got->uid == 0 && got->mode != SANDBOX_OFF && isatty(STDERR_FILENO))
		fprintf(stderr, "vmm: runs as root: with --user UID:GID a break out of the sandbox is not root's\n");
}

/* The stages CONFINE and BUILD; machine_run() has LOCK. */
static int confine(struct run *run, struct err *e)
{
	int r;

	plan_confine(&run->config, run->terminal, run->machine, confinement_complaints(&run->confinement),
		&run->confinement.plan);
	r = confinement_enter(&run->confinement, run->terminal, e);
	if (r < 0)
		return r;
	say_root(&run->confinement.sandbox.got);
	machine_set_sandbox(run->machine, &run->confinement.sandbox);
	return 0;
}

static const struct terminal_ops key_ops = {
	.quit = on_quit, .pause = on_pause, .dump = on_dump, .snapshot = on_snapshot};

/* The parts that every process has of its own. */
static int begin(struct run *run, uint64_t zero_ns, struct err *e)
{
	int r = trace_new(zero_ns, &run->trace);

	if (r == 0)
		r = logsink_new(STDERR_FILENO, run->config.log_level, &run->log);
	if (r == 0)
		r = loop_new(&run->loop);
	run->pause = (struct hold){.held = on_paused, .refused = on_pause_refused};
	run->dump.done = on_dumped;
	return r < 0 ? err_sys(e, r, "cannot set up") : 0;
}

static void begin_trace(struct run *run, uint64_t cpu_before)
{
	trace_add_sink(run->trace, logsink_sink(run->log));
	trace_start(run->trace, cpu_before);
	trace_config_ready(run->trace);
}

static int watch_signals(struct run *run, struct err *e)
{
	return signals_watch(&run->signals, run->loop, run->trace, signals_of(&run->config), on_signal, run, e);
}

static int open_terminal(struct run *run, struct machine_stdio *stdio, struct err *e)
{
	int r;

	stdio->terminal = run->config.nr_command && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (run->config.console != CONSOLE_STDIO && !stdio->terminal)
		return 0;
	r = terminal_open(STDIN_FILENO, &key_ops, run, &run->terminal, e);
	if (r < 0)
		return r;
	stdio->filter = terminal_filter(run->terminal);
	logsink_set_terminal(run->log, run->terminal);
	return 0;
}

static int set_up(struct run *run, uint64_t cpu_before_main, struct err *e)
{
	struct machine_stdio stdio = {.in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO, .err_fd = STDERR_FILENO};
	int r;

	plan_early(&run->config, &run->confinement.plan);
	plan_restored(run->restored.fd, &run->confinement.plan);
	if (run->set)
		plan_restored(run->set->pagemap, &run->confinement.plan);
	r = sandbox_early(&run->confinement.sandbox, &run->confinement.plan, e);
	if (r == 0)
		r = begin(run, main_entry_ns(), e);
	if (r < 0)
		return r;
	r = report_new(&run->config, &run->info, run->trace, &run->report);
	if (r < 0)
		return err_sys(e, r, "cannot set up");
	begin_trace(run, cpu_before_main);
	sandbox_open(&run->confinement.sandbox, run->trace);
	r = report_open(run->report, e);
	if (r < 0)
		return r;
	r = gmem_install_sigbus();
	if (r < 0)
		return err_sys(e, r, "sigaction");
	r = watch_signals(run, e);
	if (r == 0)
		r = open_terminal(run, &stdio, e);
	if (r == 0)
		r = machine_open(&run->config, &stdio, run->trace, run->loop, &run->machine, e);
	if (r == 0 && console_pty_name(machine_console(run->machine)))
		fprintf(stderr, "vmm: console is %s\n", console_pty_name(machine_console(run->machine)));
	if (r == 0 && (run->config.snapshot || run->restored.fd >= 0))
		r = run_describe_machine(run, e);
	if (r == 0)
		r = confine(run, e);
	if (r == 0)
		r = machine_build(run->machine, e);
	if (r == 0)
		report_begin(run->report);
	return r;
}

COLD int run_open(struct run *run, char **argv, struct err *e)
{
	int r = run_describe(run, argv, e);

	if (r == 0)
		r = report_new(&run->config, &run->info, NULL, &run->report);
	if (r < 0)
		return err_sys(e, r, "cannot set up");
	r = report_open(run->report, e);
	if (r == 0)
		r = machine_open(&run->config, NULL, NULL, NULL, &run->machine, e);
	return r == 0 ? run_describe_machine(run, e) : r;
}

COLD int run_forked(struct run *run, const struct confinement *confined, struct err *e)
{
	const struct machine_stdio stdio = {.in_fd = -1, .out_fd = STDOUT_FILENO};
	uint64_t now = trace_now_ns();
	int r;

	trace_forked();
	run->confinement = *confined;
	plan_streams(NULL, confinement_complaints(&run->confinement), &run->confinement.plan);
	r = begin(run, now, e);
	if (r < 0)
		return r;
	r = report_adopt(run->report, run->trace);
	if (r < 0)
		return err_sys(e, r, "cannot set up");
	begin_trace(run, 0);
	r = sandbox_forked(&run->confinement.sandbox, &run->confinement.plan, run->trace, e);
	if (r == 0)
		r = watch_signals(run, e);
	if (r == 0)
		r = machine_adopt(run->machine, &stdio, run->trace, run->loop, e);
	machine_inherit(run->machine, &run->ram, run->clone, run->clones);
	machine_set_sandbox(run->machine, &run->confinement.sandbox);
	if (r == 0)
		r = machine_build(run->machine, e);
	if (r == 0 && run->each)
		r = each_begin(run->each, run->machine, run->loop, e);
	if (r == 0)
		report_begin(run->report);
	return r;
}

/* Tears the machine down, so that its time is in the report, and writes the report. Does not change the outcome. */
static void finish(struct run *run, const struct report_end *end)
{
	struct err e = {};

	report_collect(run->report, run->machine);
	machine_destroy(run->machine);
	run->machine = NULL;
	if (report_write(run->report, end, &e) < 0)
		fprintf(stderr, "vmm: %s\n", e.text);
}

/* --print-config: the answer has to arrive. */
static COLD int print_config(const struct config *c, enum ini_extent extent)
{
	CLEANUP_FREE char *text = NULL;
	struct err e = {};

	if (ini_write(c, extent, &text, &e) < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	if (fputs(text, stdout) == EOF || fflush(stdout)) {
		fprintf(stderr, "vmm: cannot write to standard output: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

/* Files of a command that were lost are an error of ours, unless its guest was lost as well. */
static COLD void end_files(struct run *run, struct report_end *end, char *words, size_t size)
{
	const char *text;
	int r = machine_command_files(run->machine, &text);

	snprintf(words, size, "%s", text);
	if (*words)
		fprintf(stderr, "vmm: %s\n", words);
	if (r < 0 && end->verdict.outcome == OUTCOME_COMMAND) {
		end->verdict = (struct verdict){OUTCOME_FAILURE, DETECTOR_VMM, 0};
		end->status = EXIT_FAILED;
		end->error = words;
	}
}

int run_end(struct run *run, int r, const struct verdict *v, const struct err *e)
{
	struct report_end end = {.verdict = *v, .sandbox = &run->confinement.sandbox.got};
	char words[sizeof(e->text)];

	/* The following output is for the operator: restore the terminal. */
	if (run->log)
		logsink_set_terminal(run->log, NULL);
	terminal_close(run->terminal);
	run->terminal = NULL;
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e->text);
		end.status = err_exit_status(e);
		end.error = e->text;
	} else {
		say_verdict(run, v);
		run_set_write(run->set, run->machine, &run->restored);
		end.status = run->config.nr_command ? command_exit_status(v) : verdict_exit_status(v);
		if (run->config.out)
			end_files(run, &end, words, sizeof(words));
	}
	finish(run, &end);
	return end.status;
}

int run_machine(struct run *run, char **argv, uint64_t cpu_before_main)
{
	struct verdict v = {OUTCOME_FAILURE, DETECTOR_VMM, 0};
	struct err e = {};
	int r = run_describe(run, argv, &e);

	if (r == 0)
		r = set_up(run, cpu_before_main, &e);
	if (r == 0)
		r = machine_run(run->machine, &v, &e);
	return run_end(run, r, &v, &e);
}

int cmd_run(int argc, char **argv)
{
	CLEANUP(run_destroy) struct run run = RUN_NONE;
	uint64_t cpu_before_main = cpu_ns();
	struct own_option own[] = {{.name = "print-config"}, {}};
	struct err e = {};
	int r;

	r = options_parse_own(argc, argv, "run", own, &run.config, &e);
	if (r == 0 && own[0].given)
		return print_config(&run.config, (enum ini_extent)own[0].value.n);
	if (r == 0)
		r = run_check(&run, &e);
	if (r == 0 && run.config.root)
		r = command_prepare(&run.config, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	return run_machine(&run, argv, cpu_before_main);
}
