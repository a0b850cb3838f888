// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The settings to go back to are read when raw mode is entered for the first time: in the
 * background they would be those of the shell's line editor, and after a stop they could be ours. They are restored
 * only in the foreground: in the background the terminal belongs to another process, with its own settings.
 *
 * The terminal is set by the kernel's own requests and struct: which of them the C library's functions use depends on
 * its version (TCGETS2 and TCSETS2 from glibc 2.42 on), and the filters let one pass.
 *
 * A signal handler has no argument, so the terminal it restores is the one pointer `guarded`, an atomic.
 */
#include "cmd/terminal.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "cmd/escape_keys.h"
#include "vmm/host/nbio.h"

#define SIGNALS    65
#define STACK_SIZE 32768

struct terminal {
	struct console_filter filter;
	const struct terminal_ops *ops;
	void *arg;
	struct nbio tty;
	struct nbio say;
	struct escape_keys keys;
	bool locked;

	/* What the handlers use */
	pid_t pid;
	_Atomic bool raw;
	_Atomic bool saved;
	struct termios before;
	int flags[3];
	struct sigaction old[SIGNALS];
	bool installed[SIGNALS];
	bool own_stack;
	char stack[STACK_SIZE];
};

static struct terminal *_Atomic guarded;

/* This is the thread whose filter lets it change the flags of what others share. */
static __thread bool may_set_flags;

/* Raw mode and back: async-signal-safe */

/* What cfmakeraw() does (termios(3)). A read waits for one byte and nothing more, whatever was set before. */
static void make_raw(struct termios *tio)
{
	tio->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	tio->c_oflag &= ~(tcflag_t)OPOST;
	tio->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	tio->c_cflag = (tio->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	tio->c_cc[VMIN] = 1;
	tio->c_cc[VTIME] = 0;
}

static void enter(struct terminal *t)
{
	struct termios tio;

	if (t->raw || nbio_in_background(&t->tty))
		return;
	if (!t->saved) {
		if (ioctl(t->tty.fd, TCGETS, &t->before) < 0)
			return;
		t->saved = true;
	}
	tio = t->before;
	make_raw(&tio);
	t->raw = !ioctl(t->tty.fd, TCSETS, &tio);
}

static void leave(struct terminal *t)
{
	/* Not TCSETSW: output without a reader must not delay the end. */
	if (atomic_exchange(&t->raw, false) && !nbio_in_background(&t->tty))
		ioctl(t->tty.fd, TCSETS, &t->before);
}

/* Where vmm/nbio had to set O_NONBLOCK on a file that others share, and cannot take it back itself any more. */
static void restore_flags(const struct terminal *t)
{
	for (int fd = 0; fd < (int)ARRAY_SIZE(t->flags); fd++) {
		int now = fcntl(fd, F_GETFL);

		if (now >= 0 && t->flags[fd] >= 0 && (now & ~t->flags[fd] & O_NONBLOCK))
			fcntl(fd, F_SETFL, now & ~O_NONBLOCK);
	}
}

static void restore(void)
{
	struct terminal *t = guarded;

	if (!t)
		return;
	leave(t);
	if (may_set_flags)
		restore_flags(t);
}

void terminal_continue(struct terminal *t)
{
	if (!t || !t->saved)
		return;
	/* Another process may have changed the settings meanwhile. */
	t->raw = false;
	enter(t);
}

/* Signals */

static bool is_crash(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP || sig == SIGABRT ||
		sig == SIGSYS;
}

static bool has_handler(const struct sigaction *sa)
{
	return (sa->sa_flags & SA_SIGINFO) || sa->sa_handler != SIG_DFL;
}

/*
 * A handler that was there before us may know the fault: gmem's jumps away from a SIGBUS of a file that shrank, and
 * never comes back here. Otherwise it has the signal blocked where it happened, which is the end (see there).
 */
static bool survived(struct terminal *t, int sig, siginfo_t *info, ucontext_t *interrupted)
{
	if (!t || sig != SIGBUS || info->si_code <= 0 || !(t->old[sig].sa_flags & SA_SIGINFO))
		return false;
	t->old[sig].sa_sigaction(sig, info, interrupted);
	return !sigismember(&interrupted->uc_sigmask, sig);
}

/*
 * As raise(), for the main thread, without a question to the kernel. It waits until a handler returns. A real-time
 * signal that somebody sent by kill() gets through a full queue of pending signals, but tgkill() does not: then we end
 * with the status that the signal would have given.
 */
static void send(const struct terminal *t, int sig)
{
	if (syscall(SYS_tgkill, t->pid, t->pid, sig) < 0)
		_exit(128 + sig);
}

static void on_fatal(int sig, siginfo_t *info, void *context)
{
	struct terminal *t = guarded;
	ucontext_t *interrupted = context;
	int saved = errno;

	if (survived(t, sig, info, interrupted))
		return;
	/* terminal_close() in another thread has just taken the handlers back. */
	if (!t)
		return;
	restore();
	/* A handler from before us gets its turn; where there was none, SA_RESETHAND has set the default action. */
	if (has_handler(&t->old[sig]) && sig != SIGBUS)
		sigaction(sig, &t->old[sig], NULL);
	else if (has_handler(&t->old[sig]) && info->si_code <= 0)
		signal(sig, SIG_DFL);
	/*
	 * A fault happens again when the handler returns, with the action that is set now, and with the right address
	 * for a core dump. Anything else has to be sent again.
	 */
	if (info->si_code <= 0 || !is_crash(sig) || sig == SIGSYS || sig == SIGTRAP)
		send(t, sig);
	errno = saved;
}

static void on_stop(int sig)
{
	int saved = errno;

	restore();
	send(guarded, SIGSTOP);
	errno = saved;
}

static void on_continue(int sig)
{
	int saved = errno;

	terminal_continue(guarded);
	errno = saved;
}

static bool set_handler(int sig, struct sigaction *sa)
{
	switch (sig) {
	case SIGKILL:
	case SIGSTOP:
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH: return false;
	case SIGTTIN:
	case SIGTTOU: sa->sa_handler = SIG_IGN; return true;
	case SIGTSTP: sa->sa_handler = on_stop; return true;
	case SIGCONT: sa->sa_handler = on_continue; return true;
	}
	sa->sa_sigaction = on_fatal;
	sa->sa_flags |= SA_SIGINFO;
	return true;
}

/* Where somebody handles or ignores a signal already it does not end us; a crash does, whoever looks at it first. */
static void install(struct terminal *t)
{
	for (int sig = 1; sig < SIGNALS; sig++) {
		struct sigaction sa = {.sa_flags = SA_RESTART | SA_ONSTACK}, *old = &t->old[sig];

		if (!set_handler(sig, &sa) || sigaction(sig, NULL, old) < 0)
			continue;
		if (!(old->sa_flags & SA_SIGINFO) && old->sa_handler == SIG_IGN)
			continue;
		if (has_handler(old) && !is_crash(sig))
			continue;
		if ((sa.sa_flags & SA_SIGINFO) && !has_handler(old))
			sa.sa_flags |= (int)SA_RESETHAND;
		sigfillset(&sa.sa_mask);
		/* The one that may jump away must leave nothing blocked behind. */
		if (sig == SIGBUS && has_handler(old)) {
			sigemptyset(&sa.sa_mask);
			sa.sa_flags |= SA_NODEFER;
		}
		t->installed[sig] = !sigaction(sig, &sa, NULL);
	}
}

static void uninstall(struct terminal *t)
{
	for (int sig = 1; sig < SIGNALS; sig++) {
		struct sigaction want = {0}, now;

		if (!t->installed[sig] || sigaction(sig, NULL, &now) < 0)
			continue;
		/* Left alone when somebody put a handler in place of ours. */
		set_handler(sig, &want);
		if (want.sa_flags & SA_SIGINFO ? now.sa_sigaction == want.sa_sigaction
					       : now.sa_handler == want.sa_handler)
			sigaction(sig, &t->old[sig], NULL);
	}
}

/* A stack overflow leaves no room for a handler on the stack itself. Of the calling thread only. */
static void set_stack(struct terminal *t)
{
	stack_t now, own = {.ss_sp = t->stack, .ss_size = sizeof(t->stack)};

	if (!sigaltstack(NULL, &now) && (now.ss_flags & SS_DISABLE))
		t->own_stack = !sigaltstack(&own, NULL);
}

/* Keys */

static void say(struct terminal *t, const char *text, size_t n)
{
	if (t->say.fd >= 0 && nbio_write(&t->say, text, n) < 0)
		return; /* a terminal that takes no output shows nothing */
}

void terminal_say(struct terminal *t, const char *text)
{
	if (t)
		say(t, text, strlen(text));
}

void terminal_say_paused(struct terminal *t)
{
	terminal_say(t, "\r\nvmm: the guest is paused; Ctrl-A P lets it go on\r\n");
}

void terminal_say_resumed(struct terminal *t, bool held)
{
	terminal_say(
		t, held ? "\r\nvmm: the guest stays held: gdb has stopped it\r\n" : "\r\nvmm: the guest goes on\r\n");
}

static size_t filter(struct console_filter *f, uint8_t *data, size_t *n, bool *brk)
{
	struct terminal *t = container_of(f, struct terminal, filter);
	enum escape_key key;
	size_t used = escape_keys_filter(&t->keys, data, n, &key);

	switch (key) {
	case ESCAPE_KEY_NONE: break;
	case ESCAPE_KEY_QUIT: t->ops->quit(t->arg); break;
	case ESCAPE_KEY_BREAK: *brk = true; break;
	case ESCAPE_KEY_PAUSE:
		if (t->ops->pause)
			t->ops->pause(t->arg);
		break;
	case ESCAPE_KEY_DUMP:
		if (t->ops->dump)
			t->ops->dump(t->arg);
		break;
	case ESCAPE_KEY_SNAPSHOT:
		if (t->ops->snapshot)
			t->ops->snapshot(t->arg);
		break;
	case ESCAPE_KEY_HELP:
		terminal_say(t, escape_keys_help);
		if (t->ops->pause)
			terminal_say(t, escape_keys_help_pause);
		if (t->ops->dump)
			terminal_say(t, escape_keys_help_dump);
		if (t->ops->snapshot)
			terminal_say(t, escape_keys_help_snapshot);
		break;
	}
	return used;
}

static void refused(struct console_filter *f)
{
	say(container_of(f, struct terminal, filter), "\a", 1);
}

static void prepare(struct console_filter *f)
{
	enter(container_of(f, struct terminal, filter));
}

/* Life */

static void open_say(struct terminal *t, int fd)
{
	const int fds[] = {fd, STDERR_FILENO, STDOUT_FILENO};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (isatty(fds[i]) && !nbio_open(&t->say, fds[i], NBIO_OUT))
			return;
		nbio_close(&t->say);
	}
}

int terminal_open(int fd, const struct terminal_ops *ops, void *arg, struct terminal **ret, struct err *e)
{
	static atomic_bool at_exit;
	struct terminal *t, *none = NULL;
	int r;

	if (!isatty(fd)) {
		*ret = NULL;
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_sys(e, -ENOMEM, "terminal");
	t->filter = (struct console_filter){.prepare = prepare, .filter = filter, .refused = refused};
	t->pid = getpid();
	may_set_flags = true;
	t->ops = ops;
	t->arg = arg;
	t->say = NBIO_CLOSED;
	for (int i = 0; i < (int)ARRAY_SIZE(t->flags); i++)
		t->flags[i] = fcntl(i, F_GETFL);
	r = nbio_open(&t->tty, fd, NBIO_IN);
	if (r < 0) {
		free(t);
		return err_sys(e, r, "terminal");
	}
	if (!atomic_compare_exchange_strong(&guarded, &none, t)) {
		nbio_close(&t->tty);
		free(t);
		return err_set(e, -EBUSY, "terminal: in use by this process already");
	}
	open_say(t, fd);
	if (!atomic_exchange(&at_exit, true))
		atexit(restore);
	set_stack(t);
	install(t);
	*ret = t;
	return 0;
}

struct console_filter *terminal_filter(struct terminal *t)
{
	return t ? &t->filter : NULL;
}

bool terminal_is_raw(const struct terminal *t)
{
	return t && t->raw;
}

void terminal_lock(struct terminal *t)
{
	if (t)
		t->locked = true;
}

void terminal_restore(void)
{
	restore();
}

void terminal_close(struct terminal *t)
{
	stack_t none = {.ss_flags = SS_DISABLE};

	if (!t)
		return;
	leave(t);
	if (!t->locked) {
		uninstall(t);
		guarded = NULL;
		if (t->own_stack)
			sigaltstack(&none, NULL);
	}
	nbio_close(&t->say);
	nbio_close(&t->tty);
	/* Handlers that cannot be taken back keep what they use, and find the terminal closed. */
	if (!t->locked)
		free(t);
}
