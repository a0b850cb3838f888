// SPDX-License-Identifier: Apache-2.0
/*
 * Running a machine: a thread per CPU, the control loop, and the verdict.
 *
 * Theory of operation.
 *
 * Ending. The thread that detects the end first calls machine_end(): it stores the verdict, tells the CPU threads
 * (crew_quit()) and stops the loop. The loop's thread then makes every CPU leave the guest, and joins (crew_stop()).
 *
 * Panic. pvpanic reports in the middle of the kernel's panic(): the guest still has to print messages and perhaps to
 * reset. So its verdict waits until the guest resets, or its console has been quiet for PANIC_QUIET_NS, at most
 * PANIC_LINGER_NS. Console text alone proves nothing, since any program can print it: it only classifies a reset or a
 * triple fault after a panic, a triple fault that the kernel announced as its reset, or ends a guest that printed the
 * kernel's end-of-panic line and then went silent. Without config->panic_text it does none of that.
 *
 * The power button. A guest that is still booting loses a press: the interrupt is an edge that no driver has enabled
 * yet, or no program waits for the key. So it is pressed again until the guest has ended or the grace time is over: at
 * each tick while no driver has read the event, which the guest does not notice, and at every fourth tick after that.
 * The programs that read the key in Linux (systemd-logind, acpid) shut down once, however often it is pressed.
 *
 * The gate. A CPU thread installs its system call filter and waits at the gate of its crew; when all have, the control
 * loop installs its own and opens the gate. So no instruction of the guest runs while any thread is without a filter.
 *
 * Permanent halt. With the interrupt controller in KVM a halted CPU does not exit, so the tick checks: when no CPU
 * thread used any CPU time since the last tick, each is asked once to exit and check its own state. A CPU is dead when
 * it is halted with interrupts disabled or was never started. If all are dead in two rounds without progress between
 * them, nothing can wake any of them. A guest that makes progress is never disturbed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "security/sandbox.h"
#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/base/x86.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/machine/command.h"
#include "vmm/machine/internal.h"

#define TICK_NS         (250 * NSEC_PER_MSEC)
#define PANIC_QUIET_NS  (200 * NSEC_PER_MSEC)
#define PANIC_LINGER_NS (5 * NSEC_PER_SEC)
#define PANIC_TEXT_NS   NSEC_PER_SEC
#define DEAD_ROUNDS     2
#define PRESS_TICKS     4
#define CPU_STACK_SIZE  (256 * KIB)

COLD void machine_end(struct machine *m, enum outcome outcome, enum detector by, uint64_t value)
{
	const struct verdict v = {outcome, by, value};

	if (machine_core_interrupt(m) || machine_rounds_take_end(m, &v))
		return;
	pthread_mutex_lock(&m->end.lock);
	if (m->end.verdict.outcome == OUTCOME_NONE)
		m->end.verdict = v;
	pthread_mutex_unlock(&m->end.lock);
	crew_quit(&m->crew);
	loop_stop(m->loop);
}

/* The host failed, or KVM returned an unexpected exit: stores a message for the report, and ends the run. */
static void PRINTF(3, 4) fail(struct machine *m, enum detector by, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&m->end.lock);
	if (!m->end.failure[0])
		memcpy(m->end.failure, text, sizeof(m->end.failure));
	pthread_mutex_unlock(&m->end.lock);
	machine_end(m, by == DETECTOR_INTERNAL_ERROR ? OUTCOME_CRASH : OUTCOME_FAILURE, by, 0);
}

void machine_failed(struct machine *m, const char *why)
{
	machine_end(m, OUTCOME_FAILURE, DETECTOR_VMM, 0);
	pthread_mutex_lock(&m->end.lock);
	m->end.verdict = (struct verdict){OUTCOME_FAILURE, DETECTOR_VMM, 0};
	snprintf(m->end.failure, sizeof(m->end.failure), "%s", why);
	pthread_mutex_unlock(&m->end.lock);
}

/*
 * A reset or triple fault: the end of a panic, if one has started. With reboot=t a triple fault is a reset, which the
 * kernel has announced. Otherwise it is classified as it is.
 */
static COLD void end_or_panic(struct machine *m, enum outcome outcome, enum detector by)
{
	const struct panic_text *w = console_panic_text(m->console);
	bool pvpanic;

	pthread_mutex_lock(&m->end.lock);
	pvpanic = m->end.panic_ns != 0;
	pthread_mutex_unlock(&m->end.lock);
	if (pvpanic)
		machine_end(m, OUTCOME_PANIC, DETECTOR_PVPANIC, 0);
	else if (m->config->panic_text && panic_text_seen(w))
		machine_end(m, OUTCOME_PANIC, DETECTOR_CONSOLE, 0);
	else if (m->config->panic_text && by == DETECTOR_TRIPLE_FAULT && panic_text_restarting(w))
		machine_end(m, OUTCOME_RESET, DETECTOR_CONSOLE, 0);
	else
		machine_end(m, outcome, by, 0);
}

/* Limited, so that a guest cannot fill our memory; further marks are counted. */
void machine_mark(struct machine *m, const char *name, const char *by)
{
	machine_snapshot_mark(m, name);
	if (atomic_fetch_add_explicit(&m->counts.marks, 1, memory_order_relaxed) >= TIMELINE_MARKS_MAX)
		return;
	trace_mark(m->trace, name, by);
}

/* The number is the mark's name. */
static void on_boot_mark(struct machine *m, uint64_t value)
{
	char name[24];

	snprintf(name, sizeof(name), "%" PRIu64, value);
	machine_mark(m, name, "boot marker");
}

COLD void machine_guest_event(struct guest_events *ev, enum guest_event what, uint64_t value)
{
	struct machine *m = container_of(ev, struct machine, hosts.events);

	switch (what) {
	case GUEST_POWEROFF:
		trace_guest_event(m->trace, "power-off", value);
		machine_end(m, OUTCOME_POWEROFF, DETECTOR_ACPI, 0);
		break;
	case GUEST_RESET:
		trace_guest_event(m->trace, "reset", value);
		end_or_panic(m, OUTCOME_RESET, value == GUEST_RESET_ACPI ? DETECTOR_ACPI : DETECTOR_I8042);
		break;
	case GUEST_MARK: on_boot_mark(m, value); break;
	case GUEST_PANIC:
		trace_guest_event(m->trace, "panic", value);
		trace_panicked(m->trace, detector_text(DETECTOR_PVPANIC));
		pthread_mutex_lock(&m->end.lock);
		if (!m->end.panic_ns)
			m->end.panic_ns = trace_now_ns();
		pthread_mutex_unlock(&m->end.lock);
		break;
	case GUEST_CRASH_LOADED: trace_guest_event(m->trace, "panic with a crash kernel loaded", value); break;
	case GUEST_DEBUG_EXIT:
		trace_guest_event(m->trace, "debug exit", value);
		machine_end(m, OUTCOME_DEBUG_EXIT, DETECTOR_DEBUG_PORT, value);
		break;
	}
}

/* --- CPU threads --------------------------------------------------------------------------------------------- */

bool machine_guest_has_clock(struct pmtimer_host *host)
{
	struct cpu *c = container_of(vcpu_thread_self(), struct cpu, thread);

	return !c->m->board.pmtimer_chosen && vcpu_has_kvmclock(c->thread.vcpu);
}

static enum cpu_probe look(struct cpu *c)
{
	int state = vcpu_get_mp_state(c->thread.vcpu);
	struct kvm_regs regs;

	if (state < 0 || vcpu_get_general(c->thread.vcpu, &regs) < 0)
		return CPU_ALIVE;
	switch (state) {
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED: return CPU_DEAD;
	case KVM_MP_STATE_HALTED: return regs.rflags & RFLAGS_IF ? CPU_ALIVE : CPU_DEAD;
	default: return CPU_ALIVE;
	}
}

static void on_kick(struct cpu *c)
{
	int probing = CPU_PROBING;

	vcpu_thread_kicked(&c->thread);
	if (atomic_load(&c->probe) == CPU_PROBING)
		atomic_compare_exchange_strong(&c->probe, &probing, (int)look(c));
}

static void on_internal_error(struct cpu *c, uint64_t suberror)
{
	const struct kvm_run *run = c->thread.vcpu->run;
	struct machine *m = c->m;

	pthread_mutex_lock(&m->end.lock);
	m->end.internal_error.reason = suberror;
	m->end.internal_error.ndata = MIN(run->internal.ndata, (uint32_t)ARRAY_SIZE(m->end.internal_error.data));
	for (uint64_t i = 0; i < m->end.internal_error.ndata; i++)
		m->end.internal_error.data[i] = run->internal.data[i];
	pthread_mutex_unlock(&m->end.lock);
	fail(m, DETECTOR_INTERNAL_ERROR, "KVM internal error on CPU %u, suberror %" PRIu64 "%s", c->thread.vcpu->id,
		suberror, suberror == KVM_INTERNAL_ERROR_EMULATION ? " (an instruction KVM cannot emulate)" : "");
}

/* Not in on_exit_reason(), where its buffer would add a stack check to each exit. */
static __attribute__((noinline)) void on_odd_exit(struct cpu *c, const struct vcpu_exit *x)
{
	char text[VCPU_EXIT_TEXT_MAX];

	vcpu_exit_text(x, text);
	if (x->what == VCPU_ENTRY_FAILED)
		fail(c->m, DETECTOR_ENTRY_FAILED, "KVM could not enter the guest on CPU %u: %s", c->thread.vcpu->id,
			text);
	else
		fail(c->m, DETECTOR_VMM, "KVM left the guest on CPU %u for an unexpected reason: %s",
			c->thread.vcpu->id, text);
}

static void on_exit_reason(struct cpu *c, const struct vcpu_exit *x)
{
	struct machine *m = c->m;

	switch (x->what) {
	case VCPU_PIO:
	case VCPU_MMIO: vm_access(&m->vm, x); break;
	case VCPU_KICKED: on_kick(c); break;
	case VCPU_DEBUG: gdb_stub_exit(m->gdb, &c->thread); break;
	case VCPU_TRIPLE_FAULT: end_or_panic(m, OUTCOME_CRASH, DETECTOR_TRIPLE_FAULT); break;
	case VCPU_INTERNAL_ERROR: on_internal_error(c, x->error); break;
	case VCPU_SYSTEM_EVENT:
		if (x->error == KVM_SYSTEM_EVENT_SHUTDOWN)
			machine_end(m, OUTCOME_POWEROFF, DETECTOR_VMM, 0);
		else
			end_or_panic(m, OUTCOME_RESET, DETECTOR_VMM);
		break;
	default: on_odd_exit(c, x); break;
	}
}

/* vcpu_step(), recorded for the trace file. */
static int logged_step(struct cpu *c, struct vcpu_exit *x)
{
	uint64_t enter = trace_now_ns();
	int r = vcpu_step(c->thread.vcpu, x);

	if (r == 0)
		exit_trace_add(c->exit_trace, enter, trace_now_ns(), x);
	return r;
}

static void run_cpu(struct vcpu_thread *t)
{
	struct cpu *c = container_of(t, struct cpu, thread);
	struct machine *m = c->m;
	struct crew *crew = &m->crew;

	if (c->exit_trace)
		c->exit_trace->tid = t->tid;
	if (c->thread.vcpu->id == 0)
		trace_first_run(m->trace, c->thread.vcpu->id, m->counts.startup_ioctl_ns);
	while (!crew_stopping(crew)) {
		struct vcpu_exit x;
		int r = unlikely(c->exit_trace) ? logged_step(c, &x) : vcpu_step(c->thread.vcpu, &x);

		if (unlikely(r < 0)) {
			fail(m, DETECTOR_VMM, "KVM_RUN of CPU %u: %s%s", c->thread.vcpu->id, strerror(-r),
				vcpu_step_hint(r));
			break;
		}
		on_exit_reason(c, &x);
	}
}

static int lock_cpu(struct crew *c)
{
	struct machine *m = container_of(c, struct machine, crew);
	struct sandbox_fds fds = SANDBOX_NO_FDS;

	fds.of[SANDBOX_FD_VCPU][0] = vcpu_thread_self()->vcpu->fd;
	fds.of[SANDBOX_FD_VM][0] = m->vm.fd;
	return sandbox_lock(m->sandbox, SANDBOX_VCPU, &fds);
}

const struct crew_ops machine_crew = {.stack_size = CPU_STACK_SIZE, .lock = lock_cpu, .run = run_cpu};

static int start_cpus(struct machine *m, struct err *e)
{
	unsigned at = 0;
	int r = crew_start(&m->crew, &at);

	return r < 0 ? err_sys(e, r, "cannot start a thread for CPU %u%s", at, err_no_thread(r)) : 0;
}

/* Every thread has its filter before the guest runs; this thread is last. */
static int lock_threads(struct machine *m, struct err *e)
{
	int r = crew_wait_locked(&m->crew);

	/* The VM stays open, since its interval timer may still be created, and as long as it exists. */
	kvm_close(&m->kvm);
	if (r == 0)
		r = sandbox_lock(m->sandbox, SANDBOX_LOOP, NULL);
	return r < 0 ? err_sys(e, r, "cannot install a filter of system calls") : 0;
}

/* --- The tick ------------------------------------------------------------------------------------------------ */

static uint64_t thread_cpu_ns(const struct cpu *c)
{
	uint64_t ns;

	/* Unknown counts as progress: then no CPU is ever considered dead. */
	return vcpu_thread_cpu_ns(&c->thread, &ns) ? ns : trace_now_ns();
}

static COLD bool made_progress(struct machine *m)
{
	bool progress = false;

	for (unsigned i = 0; i < m->vm.nr_vcpus; i++) {
		uint64_t now = thread_cpu_ns(&m->cpu[i]);

		progress |= now != m->cpu[i].cpu_ns;
		m->cpu[i].cpu_ns = now;
	}
	return progress;
}

/* Asks every CPU to check its state; the tick after next reads the results. */
static void probe_all(struct machine *m)
{
	for (unsigned i = 0; i < m->vm.nr_vcpus; i++) {
		atomic_store(&m->cpu[i].probe, CPU_PROBING);
		vcpu_thread_kick(&m->cpu[i].thread);
	}
}

void machine_forget_probe(struct machine *m)
{
	m->tick.dead_rounds = 0;
	for (unsigned i = 0; i < m->vm.nr_vcpus; i++)
		atomic_store(&m->cpu[i].probe, CPU_NOT_PROBED);
}

static void check_halted(struct machine *m)
{
	unsigned asked = 0, dead = 0, answered = 0;

	for (unsigned i = 0; i < m->vm.nr_vcpus; i++) {
		int p = atomic_load(&m->cpu[i].probe);

		asked += p != CPU_NOT_PROBED;
		answered += p == CPU_DEAD || p == CPU_ALIVE;
		dead += p == CPU_DEAD;
	}
	if (asked && answered == m->vm.nr_vcpus && m->tick.dead_rounds >= 0) {
		/* The check itself used CPU time: take a new baseline before checking for progress again. */
		made_progress(m);
		if (dead != m->vm.nr_vcpus) {
			m->tick.dead_rounds = -1; /* idle, not dead: do not check again until it has made progress */
			return;
		}
		if (++m->tick.dead_rounds == DEAD_ROUNDS)
			machine_end(m, OUTCOME_HALT, DETECTOR_HLT, 0);
		else
			probe_all(m);
		return;
	}
	if (asked && answered != m->vm.nr_vcpus)
		return;
	if (made_progress(m))
		machine_forget_probe(m);
	else if (m->tick.dead_rounds == 0)
		probe_all(m);
}

static void check_panic(struct machine *m)
{
	const struct panic_text *w = console_panic_text(m->console);
	uint64_t now = trace_now_ns(), quiet = now - MAX(panic_text_last_byte_ns(w), m->resumed_ns), since;

	pthread_mutex_lock(&m->end.lock);
	since = m->end.panic_ns ? now - m->end.panic_ns : 0;
	pthread_mutex_unlock(&m->end.lock);
	if (since && (since > PANIC_LINGER_NS || (quiet > PANIC_QUIET_NS && since > PANIC_QUIET_NS)))
		machine_end(m, OUTCOME_PANIC, DETECTOR_PVPANIC, 0);
	else if (m->config->panic_text && panic_text_ended(w) && quiet > PANIC_TEXT_NS)
		machine_end(m, OUTCOME_PANIC, DETECTOR_CONSOLE, 0);
}

static void press_again(struct machine *m)
{
	bool waits = power_button_waits(&m->chips.power);

	m->button.read |= !waits;
	if (!waits && ++m->button.rests < PRESS_TICKS)
		return;
	m->button.rests = 0;
	power_press_button(&m->chips.power);
}

static COLD void on_tick(struct loop_timer *t)
{
	struct machine *m = container_of(t, struct machine, tick.timer);

	if (m->button.signo && !m->button.command)
		press_again(m);
	if (m->holding.state != HOLDING_NONE) {
		machine_forget_probe(m);
		return;
	}
	check_panic(m);
	check_halted(m);
}

static void on_limit(struct loop_timer *t)
{
	machine_end(container_of(t, struct machine, limit), OUTCOME_TIMEOUT, DETECTOR_TIMER, 0);
}

static COLD void on_grace(struct loop_timer *t)
{
	struct machine *m = container_of(t, struct machine, button.grace);

	if (m->button.command)
		trace_command_ignored(m->trace, m->config->grace_ns);
	else
		trace_button_ignored(m->trace, m->config->grace_ns,
			m->button.read || !power_button_waits(&m->chips.power)
				? "no program in it acted on the key, or not in time"
				: "its kernel never took the event (no ACPI, or still booting)");
	machine_end(m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, (uint64_t)m->button.signo);
}

COLD void machine_terminate(struct machine *m, int signo)
{
	uint64_t grace = m->config->grace_ns;

	if (machine_core_interrupt(m))
		return;
	/* A guest that a debugger holds cannot respond. */
	if (m->button.signo || !grace || m->gdb_hold.on) {
		machine_end(m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, (uint64_t)signo);
		return;
	}
	m->button.signo = signo;
	/* Its init does not look at the button. */
	m->button.command = machine_command_signal(m, signo);
	if (m->button.command) {
		trace_command_signalled(m->trace, strsignal(signo), grace);
	} else {
		trace_power_button(m->trace, strsignal(signo), grace);
		power_press_button(&m->chips.power);
	}
	loop_timer_set(&m->button.grace, grace, 0);
}

static int start_timers(struct machine *m, struct err *e)
{
	uint64_t limit = m->config->timeout_ns, used = trace_elapsed_ns(m->trace);
	int r;

	/* Time zero is the entry of main: the start-up counts. */
	m->limit_at_ns = limit ? trace_now_ns() - used + limit : 0;
	r = loop_timer_init(m->loop, &m->tick.timer, on_tick);
	if (r == 0)
		r = machine_pause_init(m);
	if (r == 0)
		r = loop_timer_init(m->loop, &m->limit, on_limit);
	if (r == 0)
		r = loop_timer_init(m->loop, &m->button.grace, on_grace);
	if (r == 0)
		r = loop_timer_set(&m->tick.timer, TICK_NS, TICK_NS);
	/* At least 1 ns, since 0 disarms. */
	if (r == 0 && limit)
		r = loop_timer_set(&m->limit, limit > used ? limit - used : 1, 0);
	return r < 0 ? err_sys(e, r, "cannot start the timers") : 0;
}

/* The run is over: these checks no longer apply. */
static void stop_timers(struct machine *m)
{
	loop_timer_set(&m->tick.timer, 0, 0);
	loop_timer_set(&m->limit, 0, 0);
	loop_timer_set(&m->button.grace, 0, 0);
	holding_stop(&m->holding);
}

COLD int machine_run(struct machine *m, struct verdict *ret, struct err *e)
{
	int r;

	trace_starting(m->trace);
	r = kick_install();
	if (r < 0)
		return err_sys(e, r, "sigaction");
	r = start_timers(m, e);
	if (r < 0)
		return r;
	console_begin(m->console);
	r = virtio_devices_start(m->virtio, m->sandbox, e);
	if (r == 0)
		r = machine_core_start(m, e);
	if (r == 0)
		r = machine_snapshot_start(m, e);
	/*
	 * Before the vCPU threads start, since they read it: in a run that ends at once they do not wait at the gate.
	 */
	m->counts.startup_ioctl_ns = m->kvm.ioctl_ns;
	if (r == 0)
		r = start_cpus(m, e);
	if (r == 0 && m->gdb)
		r = gdb_stub_start(m->gdb, m->sandbox, e);
	if (r == 0)
		r = lock_threads(m, e);
	if (r < 0) {
		crew_stop(&m->crew);
		gdb_stub_stop(m->gdb, EXIT_FAILED);
		virtio_devices_stop(m->virtio);
		machine_snapshot_finish(m);
		machine_core_finish(m);
		return r;
	}
	trace_running(m->trace);
	if (m->gdb)
		gdb_stub_begin(m->gdb);
	machine_rounds_start(m);
	crew_open(&m->crew);
	r = loop_run(m->loop);
	if (r < 0)
		fail(m, DETECTOR_VMM, "the control loop failed: %s", strerror(-r));
	/* It may be why the guest ended, and be known a moment later. */
	machine_restore_changed(m);
	trace_stopping(m->trace, outcome_name(m->end.verdict.outcome), detector_text(m->end.verdict.by));
	crew_stop(&m->crew);
	gdb_stub_stop(m->gdb, verdict_exit_status(&m->end.verdict));
	virtio_devices_stop(m->virtio);
	machine_command_finish(m);
	console_finish(m->console, CONSOLE_FINISH_NS);
	stop_timers(m);
	machine_snapshot_finish(m);
	machine_core_finish(m);
	trace_stopped(m->trace);
	*ret = m->end.verdict;
	return 0;
}
