// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm run`, the command that is meant when none is named: open, build, run, and say how it ended.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/help.h"
#include "cmd/logsink.h"
#include "cmd/main.h"
#include "cmd/parse.h"
#include "cmd/plan.h"
#include "cmd/terminal.h"
#include "vmm/base/gmem.h"
#include "vmm/console.h"
#include "vmm/machine.h"
#include "vmm/nbio.h"
#include "vmm/report.h"

/* The signals that mean: end. All but SIGQUIT ask the guest first. */
static const int end_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

/**
 * struct run - what cmd_run() holds while it runs
 * @complaints: where the sandbox tells of a trapped call: stderr, without blocking
 * @signals: signalfd source in the loop
 */
struct run {
	struct config config;
	struct trace *trace;
	struct logsink *log;
	struct loop *loop;
	struct machine *machine;
	struct terminal *terminal;
	struct sandbox_plan plan;
	struct sandbox sandbox;
	struct nbio complaints;
	struct report *report;
	struct report_info info;
	struct loop_source signals;
	struct loop_source traces;
};

static void on_signal(struct loop_source *s, uint32_t events)
{
	struct run *run = container_of(s, struct run, signals);
	struct signalfd_siginfo si;

	while (read(s->fd, &si, sizeof(si)) == sizeof(si)) {
		int signo = (int)si.ssi_signo;

		if (signo == SIGUSR1 || signo == SIGUSR2)
			machine_balloon(run->machine, signo == SIGUSR1);
		else if (signo == SIGQUIT)
			machine_end(run->machine, OUTCOME_SIGNAL, DETECTOR_SIGNAL, (uint64_t)signo);
		else
			machine_terminate(run->machine, signo);
	}
}

static void on_trace(struct loop_source *s, uint32_t events)
{
	trace_drain(container_of(s, struct run, traces)->trace);
}

/* Ctrl-A X: the operator is at the machine's front panel, and pulls the plug. */
static void on_quit(void *arg)
{
	struct run *run = arg;

	machine_end(run->machine, OUTCOME_SIGNAL, DETECTOR_TERMINAL, SIGINT);
}

static int watch_signals(struct run *run, struct err *e)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++) {
		struct sigaction old;

		/* nohup, and a shell's background job: what was ignored stays ignored. */
		if (sigaction(end_signals[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		sigaddset(&set, end_signals[i]);
	}
	/* Asked for by name, so they mean something; without a balloon they end the program, as ever. */
	if (run->config.balloon.on) {
		sigaddset(&set, SIGUSR1);
		sigaddset(&set, SIGUSR2);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	run->signals.ready = on_signal;
	run->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signals.fd < 0)
		return err_sys(e, -errno, "signalfd");
	r = loop_add(run->loop, &run->signals, EPOLLIN);
	if (r < 0)
		return err_sys(e, r, "cannot watch signals");
	run->traces.ready = on_trace;
	run->traces.fd = trace_fd(run->trace);
	r = loop_add(run->loop, &run->traces, EPOLLIN);
	return r < 0 ? err_sys(e, r, "cannot watch the trace") : 0;
}

/* Says how the run ended, where that is not plain from the exit status alone or the operator asked for more. */
static void say_verdict(const struct run *run, const struct verdict *v)
{
	char line[WATCH_LINE_MAX * 4];

	switch (v->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CRASH:
	case OUTCOME_FAILURE:
		fprintf(stderr, "vmm: %s (%s)\n", outcome_text(v->outcome), detector_text(v->by));
		machine_report(run->machine, stderr);
		break;
	case OUTCOME_HALT: fprintf(stderr, "vmm: %s\n", outcome_text(v->outcome)); break;
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
}

static void run_destroy(struct run *run)
{
	/* The console borrows the terminal, the machine the loop and the trace, the trace the log and the report. */
	machine_destroy(run->machine);
	terminal_close(run->terminal);
	if (run->signals.fd >= 0) {
		loop_remove(&run->signals);
		close(run->signals.fd);
	}
	nbio_close(&run->complaints);
	loop_remove(&run->traces);
	loop_free(run->loop);
	trace_free(run->trace);
	report_free(run->report);
	logsink_free(run->log);
	config_destroy(&run->config);
}

/* CPU time of the process so far: what the loader and the C library took before main. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* What the operator has to know even when nothing else is told. */
static void say_sandbox(const struct sandbox_achieved *got)
{
	if (got->mode == SANDBOX_OFF)
		fprintf(stderr,
			"vmm: warning: --sandbox off: a guest that takes over this program can do all that user %u "
			"can\n",
			(unsigned)got->uid);
	else if (*got->missing)
		fprintf(stderr, "vmm: warning: the sandbox is not complete: %s\n", got->missing);
}

/* The stages CONFINE and BUILD; machine_run() has LOCK. */
static int confine(struct run *run, struct err *e)
{
	int r;

	/* A closed stderr is told nothing. */
	if (nbio_open(&run->complaints, STDERR_FILENO, NBIO_OUT) < 0)
		run->complaints = NBIO_CLOSED;
	plan_confine(&run->config, run->terminal, machine_console(run->machine), run->complaints.fd, &run->plan);
	r = sandbox_confine(&run->sandbox, e);
	if (r < 0)
		return r;
	say_sandbox(&run->sandbox.got);
	sandbox_build(&run->sandbox);
	if (run->sandbox.got.seccomp)
		terminal_lock(run->terminal);
	machine_set_sandbox(run->machine, &run->sandbox);
	return 0;
}

static int set_up(struct run *run, uint64_t cpu_before_main, struct err *e)
{
	struct machine_stdio stdio = {.in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO};
	int r;

	plan_early(&run->config, &run->plan);
	r = sandbox_early(&run->sandbox, &run->plan, e);
	if (r < 0)
		return r;
	r = trace_new(main_entry_ns(), &run->trace);
	if (r == 0)
		r = logsink_new(STDERR_FILENO, run->config.log_level, &run->log);
	if (r == 0)
		r = loop_new(&run->loop);
	if (r == 0)
		r = report_new(&run->config, &run->info, run->trace, &run->report);
	if (r < 0)
		return err_sys(e, r, "cannot set up");
	trace_add_sink(run->trace, logsink_sink(run->log));
	trace_start(run->trace, cpu_before_main);
	trace_config_ready(run->trace);
	sandbox_open(&run->sandbox, run->trace);
	if (!run->config.kernel)
		return err_set(e, -EINVAL, "no kernel given: --kernel FILE names one (`vmm --help` lists the options)");
	r = report_open(run->report, e);
	if (r < 0)
		return r;
	r = gmem_install_sigbus();
	if (r < 0)
		return err_sys(e, r, "sigaction");
	r = watch_signals(run, e);
	if (r < 0)
		return r;
	if (run->config.console == CONSOLE_STDIO) {
		r = terminal_open(STDIN_FILENO, on_quit, run, &run->terminal, e);
		if (r < 0)
			return r;
		stdio.filter = terminal_filter(run->terminal);
		logsink_set_terminal(run->log, run->terminal);
	}
	r = machine_open(&run->config, &stdio, run->trace, run->loop, &run->machine, e);
	if (r == 0 && console_pty_name(machine_console(run->machine)))
		fprintf(stderr, "vmm: console is %s\n", console_pty_name(machine_console(run->machine)));
	if (r == 0)
		r = confine(run, e);
	if (r == 0)
		r = machine_build(run->machine, e);
	return r;
}

/* Takes the machine down, so that this can be told too, and writes the report. It does not change how the run ended. */
static void finish(struct run *run, const struct report_end *end)
{
	struct err e = {0};

	report_collect(run->report, run->machine);
	machine_destroy(run->machine);
	run->machine = NULL;
	if (report_write(run->report, end, &e) < 0)
		fprintf(stderr, "vmm: %s\n", e.text);
}

int cmd_run(int argc, char **argv)
{
	CLEANUP(run_destroy) struct run run = {.signals.fd = -1, .traces.fd = -1, .complaints = NBIO_CLOSED};
	uint64_t cpu_before_main = cpu_ns();
	struct report_end end = {.verdict = {OUTCOME_FAILURE, DETECTOR_VMM, 0}};
	struct err e = {0};
	int r;

	help_build(&run.info);
	run.info.argv = argv;
	r = options_parse(argc, argv, "run", &run.config, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	r = set_up(&run, cpu_before_main, &e);
	if (r == 0)
		r = machine_run(run.machine, &end.verdict, &e);
	/* What follows is for the operator: the terminal is theirs again. */
	if (run.log)
		logsink_set_terminal(run.log, NULL);
	terminal_close(run.terminal);
	run.terminal = NULL;
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		end.status = run.config.kernel ? EXIT_FAILED : EXIT_USAGE;
		end.error = e.text;
	} else {
		say_verdict(&run, &end.verdict);
		end.status = verdict_exit_status(&end.verdict);
	}
	end.sandbox = &run.sandbox.got;
	finish(&run, &end);
	return end.status;
}
