// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The vCPU's thread runs the program and answers its calls; only it writes `how`, `value` and
 * `words` until it has been joined. Before exec_end() stops the thread, it stores the reason in `end`. The thread may
 * be blocked in a system call of the host, and a kick that arrives right before the call would be lost, so the loop's
 * thread repeats the kick until the thread has left its loop.
 */
#include "vmm/exec/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>

#include "boot/format_program.h"
#include "security/sandbox.h"
#include "vmm/base/kick.h"
#include "vmm/base/outcome.h"
#include "vmm/base/path.h"
#include "vmm/exec/image.h"
#include "vmm/exec/internal.h"
#include "vmm/exec/layout.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/timers.h"
#include "vmm/exec/vmm-guest.h"
#include "vmm/kvm/vcpu_saved.h"

#define STACK_SIZE (256 * KIB)
#define LINE_MAX_  512
/* AMD64 Architecture Programmer's Manual 3, E.4.6 */
#define CPUID_POWER                   0x80000007
#define CPUID_POWER_EDX_INVARIANT_TSC BIT(8)

#define HWCAP2_FSGSBASE 2 /* Linux arch/x86/include/uapi/asm/hwcap2.h */

/* --- Set-up ------------------------------------------------------------------------------------------------ */

/* The program has the same absolute name in the guest, so that its libraries are found beside it. */
static int name_program(struct exec *x, struct err *e)
{
	const char *path = x->config.path;
	char dir[PATH_MAX] = "";
	int n;

	if (*path != '/' && !getcwd(dir, sizeof(dir)))
		return err_sys(e, -errno, "cannot read the name of the working directory");
	n = snprintf(x->path, sizeof(x->path), "%s%s%s", dir, *dir ? "/" : "", path);
	return n < 0 || n >= PATH_MAX ? err_sys(e, -ENAMETOOLONG, "%s", path) : 0;
}

/* What the program's own loader takes from its environment */
static const char *library_dirs(const struct exec *x)
{
	static const char name[] = "LD_LIBRARY_PATH=";

	for (const char *const *env = x->config.envp; *env; env++)
		if (!strncmp(*env, name, sizeof(name) - 1))
			return *env + sizeof(name) - 1;
	return NULL;
}

static int open_program(struct exec *x, struct err *e)
{
	/* Non-blocking, so that a FIFO is an error instead of blocking. */
	int r = name_program(x, e), fd = r < 0 ? r : path_open(x->config.path, O_RDONLY | O_NONBLOCK, 0);

	if (r < 0)
		return r;
	if (fd < 0)
		return err_sys(e, fd, "%s", x->config.path);
	r = libraries_open(&x->libraries, fd, x->path, library_dirs(x), e);
	return r < 0 ? r : exec_layout(&x->config, &x->libraries, &x->task.files, e);
}

static int get_regs(struct exec_task *t, struct exec_regs *ret)
{
	return exec_cpu_get_regs(t->cpu, ret);
}

static int set_regs(struct exec_task *t, const struct exec_regs *regs)
{
	return exec_cpu_set_regs(t->cpu, regs);
}

static int get_fpu(struct exec_task *t, void *ret)
{
	return exec_cpu_get_fpu(t->cpu, ret);
}

static int set_fpu(struct exec_task *t, const void *area)
{
	return exec_cpu_set_fpu(t->cpu, area);
}

static int get_base(struct exec_task *t, bool gs, uint64_t *ret)
{
	return exec_cpu_get_base(t->cpu, gs, ret);
}

static int set_base(struct exec_task *t, bool gs, uint64_t base)
{
	return exec_cpu_set_base(t->cpu, gs, base);
}

static int arm(struct exec_task *t, uint64_t first_ns, uint64_t every_ns)
{
	return loop_timer_set(&container_of(t, struct exec, task)->tick, first_ns, every_ns);
}

static const struct exec_ops cpu_ops = {get_regs, set_regs, get_fpu, set_fpu, get_base, set_base, arm};

static void program_main(struct vcpu_thread *t);
static int lock_program(struct crew *c);

static const struct crew_ops exec_crew = {.stack_size = STACK_SIZE, .lock = lock_program, .run = program_main};

int exec_open(
	const struct exec_config *config, struct trace *trace, struct loop *loop, struct exec **ret, struct err *e)
{
	struct exec *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return err_sys(e, -ENOMEM, "cannot set up");
	x->config = *config;
	if (config->rounds)
		x->config.host[STDIN_FILENO] = x->config.host[STDOUT_FILENO] = EXEC_OF_ROUND;
	x->kvm.fd = x->vm.fd = -1;
	exec_task_init(&x->task);
	/* Of these, only the parts in use are touched. */
	x->task.others = calloc(EXEC_THREADS_MAX - 1, sizeof(*x->task.others));
	x->trace = trace;
	x->loop = loop;
	crew_init(&x->crew, &exec_crew);
	r = x->task.others ? err_operator(e, open_program(x, e)) : err_sys(e, -ENOMEM, "cannot set up");
	if (r == 0)
		r = kvm_open(trace, &x->kvm, e);
	if (r < 0) {
		exec_destroy(x);
		return r;
	}
	*ret = x;
	return 0;
}

int exec_function_find(const struct exec *x, struct exec_function *f, struct err *e)
{
	struct program_image img;
	int r = program_image_read(x->libraries.of[0].fd, SPACE_LOW, SPACE_HIGH, &img, e);

	return r < 0 ? r : program_symbol_find(&img, f->name, &f->address, e);
}

const struct mounts *exec_mounts(const struct exec *x)
{
	return &x->task.files->mounts;
}

void exec_set_sandbox(struct exec *x, struct sandbox *sandbox)
{
	x->sandbox = sandbox;
}

static int guest_cpuid(struct exec *x, struct cpuid_set *ret, struct err *e)
{
	const struct cpuid_opts opts = {.cpus = 1};
	CLEANUP_FREE struct cpuid_set *host = malloc(sizeof(*host));
	int r = host ? cpuid_supported(&x->kvm, host, e) : err_sys(e, -ENOMEM, "cannot allocate a CPUID table");

	if (r == 0)
		r = cpuid_policy(host, &opts, ret, e);
	if (r == 0)
		cpuid_for_cpu(ret, 0, 1);
	return r;
}

static int build_vm(struct exec *x, struct err *e)
{
	CLEANUP(memory_destroy) struct memory memory = {0};
	int r = vm_create(&x->kvm, &x->vm, e);

	if (r == 0)
		r = memory_create(x->config.mem_bytes, BACKING_ANON, false, &memory, e);
	if (r == 0)
		r = vm_set_memory(&x->vm, &memory, e);
	if (r == 0)
		r = vm_add_vcpus(&x->vm, 1, e);
	if (r == 0) {
		r = space_init(&x->task.space, &x->vm.memory.gmem);
		if (r < 0)
			err_sys(e, r, "cannot set up the address space");
	}
	return r;
}

/* The program counts the time since a reading of ours: its TSC must be ours, and tick evenly. */
static int look_at_tsc(struct exec *x, const struct cpuid_set *cpuid, bool *ret_even, struct err *e)
{
	const struct kvm_cpuid_entry2 *leaf = cpuid_find(cpuid, CPUID_POWER, 0);
	int r;

	*ret_even = leaf && leaf->edx & CPUID_POWER_EDX_INVARIANT_TSC;
	if (!*ret_even) {
		trace_no_vdso(x->trace, "the host's TSC does not tick evenly");
		return 0;
	}
	r = vcpu_share_tsc(&x->vm.vcpu[0], e);
	/* Linux before 5.16 has no such attribute. KVM API, 4.79. */
	if (r != -ENXIO && r != -ENOTTY)
		return r;
	trace_no_vdso(x->trace, e->text);
	*ret_even = false;
	return 0;
}

static int load(struct exec *x, const struct cpuid_set *cpuid, uint64_t *rip, uint64_t *rsp, struct err *e)
{
	const struct kvm_cpuid_entry2 *leaf1 = cpuid_find(cpuid, 1, 0), *leaf7 = cpuid_find(cpuid, 7, 0);
	struct image_start start = {
		.argv = x->config.argv,
		.envp = x->config.envp,
		.hwcap = leaf1 ? leaf1->edx : 0,
		.hwcap2 = leaf7 && leaf7->ebx & 1 ? HWCAP2_FSGSBASE : 0,
	};
	int r = look_at_tsc(x, cpuid, &start.vdso, e);

	if (r < 0)
		return r;
	if (getrandom(start.seed, sizeof(start.seed), 0) != sizeof(start.seed))
		return err_sys(e, -errno, "getrandom");
	x->task.trace = x->trace;
	x->task.path = x->path;
	x->task.argv = x->config.argv;
	snprintf(x->task.name, sizeof(x->task.name), "%.15s", path_name(x->path));
	x->task.stop = &x->halt;
	x->task.ops = &cpu_ops;
	x->task.cpu = &x->cpu;
	x->task.xfeatures = exec_cpu_states(cpuid, &x->task.xsize);
	r = err_operator(e,
		image_load(&x->task, x->libraries.of[0].fd, x->libraries.loader ? x->libraries.of[1].fd : -1, &start,
			rip, rsp, e));
	return r < 0 ? err_wrap(e, r, "%s", x->config.path) : 0;
}

int exec_build(struct exec *x, struct err *e)
{
	CLEANUP_FREE struct cpuid_set *cpuid = malloc(sizeof(*cpuid));
	uint64_t rip = 0, rsp = 0;
	int r = cpuid ? guest_cpuid(x, cpuid, e) : err_sys(e, -ENOMEM, "cannot allocate a CPUID table");

	if (r == 0)
		r = build_vm(x, e);
	if (r == 0)
		r = load(x, cpuid, &rip, &rsp, e);
	if (r < 0)
		return r;
	crew_add(&x->crew, &x->thread, &x->vm.vcpu[0], "program");
	return exec_cpu_init(&x->cpu, &x->vm.vcpu[0], &x->task.space, cpuid, rip, rsp, e);
}

/* --- The program's thread ---------------------------------------------------------------------------------- */

void exec_failed(struct exec *x, const char *what, const char *why, const char *hint)
{
	x->how = EXEC_FAILED;
	snprintf(x->words, sizeof(x->words), "%s%s%s", what, why, hint);
}

/* This thread prints the calls itself, in the order in which they are answered. */
static void print_call(struct exec *x, const struct exec_exit *at, int64_t result)
{
	char line[LINE_MAX_];
	size_t n = exec_call_text(&x->task, at->nr, at->arg, result, line, sizeof(line) - 80);

	n += exec_result_text(&x->task, at->nr, result, line + n, sizeof(line) - n);
	/* Write errors are ignored: the reader may be gone. */
	if (write(x->config.trace_fd, line, n) < 0)
		return;
}

static void schedule(struct exec *x)
{
	struct exec_thread *th;

	exec_schedule(&x->task);
	th = x->task.now;
	if (th->finished && x->config.trace_fd >= 0) {
		struct exec_exit at = {.nr = th->nr};

		memcpy(at.arg, th->arg, sizeof(at.arg));
		print_call(x, &at, th->result);
	}
	th->finished = false;
}

static void on_exit_of(struct exec *x, const struct exec_exit *at)
{
	struct exec_task *t = &x->task;
	bool still;
	int64_t result;

	switch (at->what) {
	case EXEC_CALL:
		if (unlikely(at->nr == VMM_CALL_NEXT)) {
			exec_next(x, at->arg[0], at->arg[1]);
			break;
		}
		result = exec_call(t, at->nr, at->arg);
		if (result == -EXEC_BLOCKED)
			break;
		if (x->config.trace_fd >= 0)
			print_call(x, at, result);
		exec_cpu_return(&x->cpu, (uint64_t)result);
		break;
	case EXEC_FAULT:
		if (unlikely(x->rounds) && exec_returned(x, at))
			break;
		exec_fault(t, at->vector, at->error, at->address, at->rip);
		break;
	case EXEC_KICKED:
		vcpu_thread_kicked(&x->thread);
		t->tick = true;
		exec_timers_run(t);
		break;
	case EXEC_BROKEN: exec_failed(x, at->words, "", ""); break;
	}
	/* The registers are not to be changed now. */
	still = at->between || at->what == EXEC_BROKEN || x->asks;
	if (unlikely(exec_must_schedule(t)) && !t->end.ended && !still)
		schedule(x);
	if (unlikely(exec_attention(t)) && !still)
		exec_deliver(t);
	if (t->end.ended && x->how == EXEC_RUNNING) {
		x->how = t->end.signal ? EXEC_SIGNALED : EXEC_EXITED;
		x->value = t->end.signal ? (unsigned)t->end.signal : t->end.status;
		snprintf(x->words, sizeof(x->words), "%s", t->end.words);
	}
	if (unlikely(t->space.lost && x->how == EXEC_RUNNING))
		exec_failed(x, "the guest's memory: ", strerror(-t->space.lost), "");
	if (unlikely(t->failed && x->how == EXEC_RUNNING))
		exec_failed(x, "the guest's processor: ", strerror(-t->failed), "");
	if (unlikely(x->rounds))
		exec_rounds_step(x, at);
}

int exec_step(struct exec *x)
{
	struct exec_exit at;
	int r = exec_cpu_step(&x->cpu, &at);

	if (r == 0)
		on_exit_of(x, &at);
	return r;
}

static void run_program(struct exec *x)
{
	bool timed = x->config.timed;
	uint64_t since = timed ? trace_now_ns() : 0;
	struct exec_exit at;

	while (x->how == EXEC_RUNNING && !crew_stopping(&x->crew)) {
		int r = exec_cpu_step(&x->cpu, &at);
		uint64_t now;

		if (unlikely(r < 0)) {
			exec_failed(x, "KVM_RUN: ", strerror(-r), vcpu_step_hint(r));
			break;
		}
		if (timed) {
			now = trace_now_ns();
			x->guest_ns += now - since;
			since = now;
		}
		on_exit_of(x, &at);
		if (timed) {
			now = trace_now_ns();
			x->vmm_ns += now - since;
			since = now;
		}
	}
}

static void program_main(struct vcpu_thread *t)
{
	struct exec *x = container_of(t, struct exec, thread);

	run_program(x);
	atomic_store(&x->ended, true);
	loop_stop(x->loop);
}

static int lock_program(struct crew *c)
{
	struct exec *x = container_of(c, struct exec, crew);
	struct sandbox_fds fds = SANDBOX_NO_FDS;

	fds.of[SANDBOX_FD_VCPU][0] = vcpu_thread_self()->vcpu->fd;
	fds.of[SANDBOX_FD_VM][0] = x->vm.fd;
	for (int i = x->config.rounds ? STDERR_FILENO : 0; i < EXEC_STREAMS; i++)
		fds.of[SANDBOX_FD_PROGRAM][i] = x->config.host[i];
	fds.of[SANDBOX_FD_TICK][0] = x->tick.source.fd;
	return sandbox_lock(x->sandbox, SANDBOX_PROGRAM, &fds);
}

/* --- The loop's thread ------------------------------------------------------------------------------------- */

static int start_thread(struct exec *x, struct err *e)
{
	unsigned at;
	int r = kick_install();

	if (r < 0)
		return err_sys(e, r, "sigaction");
	r = crew_start(&x->crew, &at);
	if (r < 0)
		return err_sys(e, r, "cannot start the program's thread%s", err_no_thread(r));
	r = crew_wait_locked(&x->crew);
	/* No further request is made to /dev/kvm itself. */
	kvm_close(&x->kvm);
	if (r == 0)
		r = sandbox_lock(x->sandbox, SANDBOX_LOOP, NULL);
	return r < 0 ? err_sys(e, r, "cannot install a filter of system calls") : 0;
}

static void stop_thread(struct exec *x, bool opened)
{
	crew_quit(&x->crew);
	atomic_store(&x->halt, true);
	/* Between two rounds it is held, and crew_stop() ends it. */
	while (opened && !atomic_load(&x->ended) && crew_late(&x->crew)) {
		const struct timespec pause = ns_to_timespec(EXEC_KICK_AGAIN);

		vcpu_thread_kick(&x->thread);
		ppoll(NULL, 0, &pause, NULL);
	}
	crew_stop(&x->crew);
}

void exec_end(struct exec *x, enum exec_how how, unsigned value)
{
	if (x->end == EXEC_RUNNING) {
		x->end = how;
		x->end_value = value;
	}
	loop_stop(x->loop);
}

static void on_limit(struct loop_timer *t)
{
	exec_end(container_of(t, struct exec, limit), EXEC_TIMEOUT, 0);
}

/* The program's thread has asked for it. */
static void on_tick(struct loop_timer *t)
{
	vcpu_thread_kick(&container_of(t, struct exec, tick)->thread);
}

static int arm_limit(struct exec *x, struct err *e)
{
	uint64_t now = trace_now_ns(), at = x->config.deadline_ns;
	int r = loop_timer_init(x->loop, &x->limit, on_limit);

	if (r == 0)
		r = loop_timer_init(x->loop, &x->tick, on_tick);
	if (r == 0 && at)
		r = loop_timer_set(&x->limit, at > now ? at - now : 1, 0);
	return r < 0 ? err_sys(e, r, "cannot set up the time limit") : 0;
}

int exec_run(struct exec *x, struct err *e)
{
	bool opened = false;
	int r = arm_limit(x, e);

	if (r == 0)
		r = start_thread(x, e);
	if (r == 0) {
		crew_open(&x->crew);
		opened = true;
		r = loop_run(x->loop);
		if (r < 0)
			err_sys(e, r, "epoll_wait");
	}
	stop_thread(x, opened);
	loop_timer_destroy(&x->limit);
	loop_timer_destroy(&x->tick);
	if (x->how == EXEC_RUNNING) {
		x->how = x->end;
		x->value = x->end_value;
	}
	return r;
}

/* --- What came of it --------------------------------------------------------------------------------------- */

void exec_result(const struct exec *x, struct exec_result *ret)
{
	*ret = (struct exec_result){
		.how = x->how,
		.value = x->value,
		.words = x->words,
		.calls = x->task.calls,
		.faults = x->task.faults,
		.pages = x->task.space.most,
		.guest_ns = x->guest_ns,
		.vmm_ns = x->vmm_ns,
	};
	memcpy(ret->exits, x->vm.vcpu[0].exits, sizeof(ret->exits));
}

int exec_exit_status(const struct exec *x)
{
	switch (x->how) {
	case EXEC_ANSWERED:
	case EXEC_EXITED: return (int)x->value;
	case EXEC_SIGNALED:
	case EXEC_INTERRUPTED: return 128 + (int)x->value;
	case EXEC_TIMEOUT: return verdict_exit_status(&(struct verdict){.outcome = OUTCOME_TIMEOUT});
	case EXEC_UNREADY: return EXIT_USAGE;
	default: return EXIT_FAILED;
	}
}

void exec_destroy(struct exec *x)
{
	if (!x)
		return;
	exec_rounds_destroy(x);
	exec_files_free(x->task.files);
	free(x->task.others);
	libraries_close(&x->libraries);
	space_destroy(&x->task.space);
	vm_destroy(&x->vm);
	kvm_close(&x->kvm);
	crew_destroy(&x->crew);
	free(x);
}
