// SPDX-License-Identifier: Apache-2.0
/*
 * The init of a guest that runs one command, which vmm packs into an initramfs (boot/initramfs.h): it loads modules,
 * makes a root of the host's directory with an overlay in memory on top, runs the command, carries its standard
 * streams, and says how it ended. vmm then ends the guest, so nothing is unmounted or powered off here.
 *
 * It is a static program without a C library: system calls of x86-64, and what wire.h says. Whatever goes wrong before
 * the command runs is a line for the operator.
 */
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/mount.h>
#include <linux/reboot.h>
#include <linux/time_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/init/calls.h"
#include "boot/init/files.h"
#include "boot/init/wire.h"

#define PATIENCE_MS 10000 /* for the ports, whose driver finds them in a worker of its own */
#define LINGER_MS   2000  /* for output of processes that were killed with the command */

/* --- Memory -------------------------------------------------------------------------------------------------- */

void *memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = (char)c;
	return to;
}

/* --- What the host hears ------------------------------------------------------------------------------------- */

static int control = -1;

static void answer(enum init_answer kind, const void *data, size_t size)
{
	struct {
		struct init_record head;
		char bytes[INIT_ANSWER_MAX];
	} a;

	a.head = (struct init_record){kind, (uint32_t)size};
	memcpy(a.bytes, data, size);
	write_all(control, &a, sizeof(a.head) + size);
}

/* It cannot be run. Without a port the last line of the console says why. */
static void __attribute__((noreturn)) fail(struct text *why)
{
	if (control >= 0) {
		answer(INIT_FAILED, why->s, why->n < INIT_ANSWER_MAX ? why->n : INIT_ANSWER_MAX);
	} else {
		int fd = (int)CALL3(open, "/dev/console", O_WRONLY, 0);

		write_all(fd, "vmm init: ", 10);
		put(why, "\n");
		write_all(fd, why->s, why->n);
		CALL4(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, 0);
	}
	while (true)
		CALL1(pause, 0);
}

static void __attribute__((noreturn)) fail_at(const char *what, const char *name, long r)
{
	struct text t = {.n = 0};

	put(&t, what);
	put(&t, name);
	put(&t, ": ");
	put_error(&t, r);
	fail(&t);
}

/* --- Modules and the ports ----------------------------------------------------------------------------------- */

static bool is_compressed(const char *name)
{
	size_t n = length(name);

	return n < 3 || !begins(name + n - 3, ".ko");
}

static void load_module(const char *name)
{
	struct text path = {.n = 0};
	long fd, r;

	put(&path, INIT_MODULES "/");
	put(&path, name);
	fd = CALL3(open, path.s, O_RDONLY | O_CLOEXEC, 0);
	r = fd < 0 ? fd : CALL3(finit_module, fd, "", is_compressed(name) ? MODULE_INIT_COMPRESSED_FILE : 0);
	CALL1(close, fd);
	if (r == -EEXIST || r == 0)
		return;
	path.n = 0;
	put(&path, "cannot load the module ");
	put(&path, name);
	put(&path, ": ");
	put_error(&path, r);
	if (is_compressed(name))
		put(&path, " (it is compressed, which takes a kernel with CONFIG_MODULE_DECOMPRESS)");
	fail(&path);
}

static void load_modules(void)
{
	static char list[65536];
	int fd = (int)CALL3(open, INIT_MODULES_LIST, O_RDONLY, 0);
	long n = fd < 0 ? 0 : CALL3(read, fd, list, sizeof(list) - 1);

	CALL1(close, fd);
	for (long at = 0, end = 0; end < n; end++) {
		if (list[end] != '\n')
			continue;
		list[end] = 0;
		load_module(list + at);
		at = end + 1;
	}
}

/* Return: a descriptor, or an error. The number of the device is not ours to choose. */
static int open_port(unsigned port)
{
	for (unsigned long dev = 0; dev < 16; dev++) {
		struct text path = {.n = 0};
		int fd;

		put(&path, "/dev/vport");
		put_number(&path, dev);
		put(&path, "p");
		put_number(&path, port);
		fd = (int)CALL3(open, path.s, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}

/* The driver finds them one after the other, in a worker: a node appears in /dev for each. */
static int wait_for_port(unsigned port)
{
	int watch = (int)CALL1(inotify_init1, O_CLOEXEC), fd;
	struct pollfd p = {.fd = watch, .events = POLLIN};
	char events[4096];

	CALL3(inotify_add_watch, watch, "/dev", IN_CREATE | IN_ATTRIB);
	while ((fd = open_port(port)) < 0) {
		if (CALL3(poll, &p, 1, PATIENCE_MS) <= 0) {
			struct text t = {.n = 0};

			put(&t,
				"no port to talk to vmm: the kernel needs CONFIG_VIRTIO_MMIO and "
				"CONFIG_VIRTIO_CONSOLE, built in "
				"or in --modules");
			fail(&t);
		}
		CALL3(read, watch, events, sizeof(events));
	}
	CALL1(close, watch);
	return fd;
}

/* --- What is to be run --------------------------------------------------------------------------------------- */

/** struct setup - as the host says it; strings point into its bytes */
struct setup {
	char *bytes;
	size_t size;
	const uint32_t *ids;
	size_t nr_ids;
	struct init_streams streams;
	const char *dir, *out;
	char **arg, **env;
	size_t nr_args, nr_env;
};

static void read_exactly(int fd, void *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		long r = CALL3(read, fd, (char *)to + at, n - at);

		if (r > 0)
			at += (size_t)r;
		else {
			struct pollfd p = {.fd = fd, .events = POLLIN};

			CALL3(poll, &p, 1, -1);
		}
	}
}

static void *allocate(size_t n)
{
	long r = CALL6(mmap, 0, n, PROT_RW, MAP_PRIVATE_ANONYMOUS, -1, 0);

	if (r < 0)
		fail_at("cannot get memory for ", "the command's words", r);
	return (void *)r;
}

static void seed(const char *bytes, size_t n)
{
	struct {
		int bits, size;
		char bytes[INIT_SEED_BYTES];
	} s = {.bits = 8 * INIT_SEED_BYTES, .size = INIT_SEED_BYTES};
	int fd = (int)CALL3(open, "/dev/urandom", O_WRONLY, 0);

	if (n == INIT_SEED_BYTES) {
		memcpy(s.bytes, bytes, n);
		CALL3(ioctl, fd, RNDADDENTROPY, &s);
		CALL3(ioctl, fd, RNDRESEEDCRNG, 0);
	}
	CALL1(close, fd);
}

static void set_time(uint64_t ns)
{
	struct __kernel_timespec t = {.tv_sec = (long long)(ns / 1000000000), .tv_nsec = (long long)(ns % 1000000000)};

	CALL2(clock_settime, 0, &t);
}

/* --- The root ------------------------------------------------------------------------------------------------ */

/* Makes every directory of @path, which is absolute, below @top. */
static void make_path(struct text *t, const char *top, const char *path)
{
	t->n = 0;
	put(t, top);
	while (*path) {
		char part[2] = {*path++, 0};

		put(t, part);
		if (*path == '/' || !*path)
			CALL2(mkdir, t->s, 0755);
	}
}

/*
 * A share, read-only, and what the guest writes over it in memory. @nr numbers its directories below /rw, which is one
 * tmpfs for all of them.
 */
static void mount_share(const char *tag, const char *to, unsigned nr)
{
	static struct text lower, upper, work, data;
	static const char *const part[] = {"lower", "upper", "work"};
	struct text *path[] = {&lower, &upper, &work};
	long r;

	for (size_t i = 0; i < 3; i++) {
		path[i]->n = 0;
		put(path[i], "/rw/");
		put(path[i], part[i]);
		put_number(path[i], nr);
		CALL2(mkdir, path[i]->s, 0755);
	}
	r = CALL5(mount, tag, lower.s, "virtiofs", MS_RDONLY | MS_NODEV, 0);
	if (r < 0)
		fail_at("cannot mount the host's directory (CONFIG_VIRTIO_FS), for ", to, r);
	data.n = 0;
	put(&data, "lowerdir=");
	put(&data, lower.s);
	put(&data, ",upperdir=");
	put(&data, upper.s);
	put(&data, ",workdir=");
	put(&data, work.s);
	r = CALL5(mount, "vmm", to, "overlay", 0, data.s);
	if (r < 0)
		fail_at("cannot put an overlay (CONFIG_OVERLAY_FS) on ", to, r);
}

static void mount_shares(const struct setup *s)
{
	static struct text at;
	unsigned nr = 0;

	CALL2(mkdir, "/rw", 0755);
	CALL2(mkdir, "/root", 0755);
	CALL5(mount, "vmm", "/rw", "tmpfs", 0, "mode=755");
	for (size_t i = 0; i < s->size;) {
		const struct init_record *h = (const struct init_record *)(s->bytes + i);
		const char *tag = (const char *)(h + 1);

		if (h->kind == INIT_MOUNT) {
			make_path(&at, "/root", nr ? tag + length(tag) + 1 : "");
			mount_share(tag, at.s, nr++);
		}
		i += sizeof(*h) + h->size;
	}
}

/* What a host's root has mounted, and a share leaves empty. */
static void mount_kernel(void)
{
	static const struct {
		const char *path, *type, *data;
		unsigned long flags;
	} own[] = {
		{"/proc", "proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC},
		{"/sys", "sysfs", "", MS_NOSUID | MS_NODEV | MS_NOEXEC},
		{"/dev", "devtmpfs", "mode=755", MS_NOSUID},
		{"/dev/pts", "devpts", "mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC},
		{"/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV},
		{"/run", "tmpfs", "mode=755", MS_NOSUID | MS_NODEV},
	};
	static struct text t;

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		make_path(&t, "/root", own[i].path);
		CALL5(mount, own[i].type, t.s, own[i].type, own[i].flags, own[i].data);
	}
	CALL2(symlink, "/proc/self/fd", "/root/dev/fd");
	CALL2(symlink, "/proc/self/fd/0", "/root/dev/stdin");
	CALL2(symlink, "/proc/self/fd/1", "/root/dev/stdout");
	CALL2(symlink, "/proc/self/fd/2", "/root/dev/stderr");
}

static void enter_root(void)
{
	long r = CALL1(chdir, "/root");

	if (r == 0)
		r = CALL5(mount, "/root", "/", 0, MS_MOVE, 0);
	if (r == 0)
		r = CALL1(chroot, ".");
	if (r < 0)
		fail_at("cannot enter ", "the root", r);
	CALL1(chdir, "/");
}

static void raise_loopback(void)
{
	struct {
		char name[16];
		short flags;
		char rest[22];
	} q = {.name = "lo", .flags = IFF_UP};
	int fd = (int)CALL3(socket, AF_INET, SOCK_DGRAM, 0);

	CALL3(ioctl, fd, SIOCSIFFLAGS, &q);
	CALL1(close, fd);
}

static void take_record(struct setup *s, const struct init_record *h, char *data)
{
	switch (h->kind) {
	case INIT_SEED: seed(data, h->size); break;
	case INIT_TIME: set_time(*(const uint64_t *)data); break;
	case INIT_IDS:
		s->ids = (const uint32_t *)data;
		s->nr_ids = h->size / 4;
		break;
	case INIT_STREAMS: s->streams = *(const struct init_streams *)data; break;
	case INIT_DIR: s->dir = data; break;
	case INIT_OUT: s->out = data; break;
	case INIT_ENV: s->env[s->nr_env++] = data; break;
	case INIT_ARG: s->arg[s->nr_args++] = data; break;
	default: break;
	}
}

/* The host is trusted: it has the guest in its hand. */
static void read_setup(struct setup *s)
{
	struct init_record head;
	uint32_t size;
	size_t slots;

	read_exactly(control, &head, sizeof(head));
	read_exactly(control, &size, sizeof(size));
	s->size = size;
	s->bytes = allocate(size);
	read_exactly(control, s->bytes, size);
	/* At most as many words as heads. */
	slots = size / sizeof(head) + 1;
	s->arg = allocate(2 * slots * sizeof(char *));
	s->env = s->arg + slots;
	for (size_t at = 0; at < size;) {
		const struct init_record *h = (const struct init_record *)(s->bytes + at);

		take_record(s, h, s->bytes + at + sizeof(*h));
		at += sizeof(*h) + h->size;
	}
}

/* --- The command --------------------------------------------------------------------------------------------- */

/**
 * struct relay - bytes from one descriptor to another, -1: none any more
 * @buf: @n bytes from @at on wait for @to
 * @total: bytes that were read
 */
struct relay {
	int from, to;
	char *buf;
	size_t at, n;
	uint64_t total;
};

static const char *path_of(const struct setup *s)
{
	for (size_t i = 0; i < s->nr_env; i++)
		if (begins(s->env[i], "PATH="))
			return s->env[i] + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* As execvpe(3) finds it. Return: only with an error. */
static long execute(const struct setup *s)
{
	const char *name = s->arg[0], *p = path_of(s);
	static struct text t;
	long r = -ENOENT;

	for (const char *c = name; *c; c++)
		if (*c == '/')
			return CALL3(execve, name, s->arg, s->env);
	while (*name) {
		long one;

		t.n = 0;
		for (; *p && *p != ':'; p++)
			put(&t, (char[]){*p, 0});
		put(&t, t.n ? "/" : "./");
		put(&t, name);
		one = CALL3(execve, t.s, s->arg, s->env);
		if (one != -ENOENT && one != -ENOTDIR)
			r = one;
		if (!*p++)
			break;
	}
	return r;
}

static void __attribute__((noreturn)) quit(const char *what, const char *name, long r, int status)
{
	struct text t = {.n = 0};

	put(&t, "vmm: ");
	put(&t, what);
	put(&t, name);
	put(&t, ": ");
	put_error(&t, r);
	put(&t, "\n");
	write_all(2, t.s, t.n);
	while (true)
		CALL1(exit_group, status);
}

static void become(const struct setup *s)
{
	if (s->nr_ids < 2)
		return;
	CALL2(setgroups, s->nr_ids - 2, s->ids + 2);
	CALL3(setresgid, s->ids[1], s->ids[1], s->ids[1]);
	CALL3(setresuid, s->ids[0], s->ids[0], s->ids[0]);
}

/* In the child: @stream are its descriptors. */
static void __attribute__((noreturn)) run_child(const struct setup *s, const int *stream, bool terminal)
{
	uint64_t none = 0;
	long r;

	CALL1(setsid, 0);
	for (int i = 0; i < 3; i++)
		CALL2(dup2, stream[i], i);
	if (terminal)
		CALL3(ioctl, 0, TIOCSCTTY, 0);
	CALL4(rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof(none));
	become(s);
	r = CALL1(chdir, s->dir);
	if (r < 0)
		quit("cannot enter the directory (if it is on a file system of its own: --share it, too) ", s->dir, r,
			126);
	r = execute(s);
	quit("cannot run ", s->arg[0], r, r == -ENOENT || r == -ENOTDIR ? 127 : 126);
}

/* Return: the master; *@slave is the other end. */
static int open_terminal(const struct setup *s, int *slave)
{
	struct {
		struct init_window size;
		uint16_t pixels[2];
	} w = {.size = s->streams.window};
	int fd = (int)CALL3(open, "/dev/pts/ptmx", O_RDWR | O_NONBLOCK | O_CLOEXEC, 0), unlock = 0;

	CALL3(ioctl, fd, TIOCSPTLCK, &unlock);
	CALL3(ioctl, fd, TIOCSWINSZ, &w);
	*slave = fd < 0 ? fd : (int)CALL3(ioctl, fd, TIOCGPTPEER, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (*slave < 0)
		fail_at("cannot make ", "a terminal", *slave);
	return fd;
}

static void open_pipe(int end[2])
{
	long r = CALL2(pipe2, end, O_CLOEXEC);

	if (r < 0)
		fail_at("cannot make ", "a pipe", r);
}

static void unblock(int fd)
{
	CALL3(fcntl, fd, F_SETFL, O_NONBLOCK);
}

/**
 * start() - run the command
 * @relay: standard input, output and error, whose ends at the ports are set
 * @ret_master: of the terminal, -1: none
 *
 * Return: its process.
 */
static long start(const struct setup *s, struct relay relay[3], int *ret_master)
{
	int slave = -1, stream[3], ours[3];
	long pid;

	*ret_master = s->streams.terminal ? open_terminal(s, &slave) : -1;
	for (int i = 0; i < 3; i++) {
		int end[2];

		if (s->streams.terminal >> i & 1) {
			stream[i] = slave;
			ours[i] = *ret_master;
			continue;
		}
		open_pipe(end);
		stream[i] = end[i ? 1 : 0];
		ours[i] = end[i ? 0 : 1];
		unblock(ours[i]);
	}
	pid = CALL1(fork, 0);
	if (pid < 0)
		fail_at("cannot start ", "a process", pid);
	if (pid == 0)
		run_child(s, stream, slave >= 0);
	for (int i = 0; i < 3; i++)
		if (stream[i] != slave)
			CALL1(close, stream[i]);
	CALL1(close, slave);
	relay[0].to = ours[0];
	relay[1].from = ours[1];
	/* What goes to a terminal comes out of it once, as standard output. */
	relay[2].from = s->streams.terminal & 4 ? -1 : ours[2];
	return pid;
}

/* --- The streams --------------------------------------------------------------------------------------------- */

/** struct session - @end: bytes of standard input, UINT64_MAX: not known yet; @master: -1: no terminal */
struct session {
	struct relay relay[3];
	uint64_t end;
	int master, children;
	long pid;
	bool over;
	int status;
	char heard[64];
	size_t nr_heard;
};

static void close_in(struct session *s)
{
	struct relay *in = &s->relay[0];

	/* The end of a terminal is a key of its line. */
	if (in->to >= 0 && in->to == s->master)
		write_all(in->to, "\4", 1);
	else if (in->to >= 0)
		CALL1(close, in->to);
	in->from = in->to = -1;
}

static void drop(struct session *s, struct relay *r)
{
	if (r == &s->relay[0]) {
		close_in(s);
		return;
	}
	if (r->from >= 0 && r->from != s->master)
		CALL1(close, r->from);
	r->from = -1;
	r->n = 0;
}

static void fill(struct session *s, struct relay *r)
{
	long n = CALL3(read, r->from, r->buf, BUFFER);

	if (n > 0) {
		r->at = 0;
		r->n = (size_t)n;
		r->total += (uint64_t)n;
	} else if (n != -EAGAIN && n != -EINTR) {
		/* A terminal that nobody has open any more: EIO. */
		if (r != &s->relay[0])
			drop(s, r);
	}
}

static void empty(struct session *s, struct relay *r)
{
	long n = CALL3(write, r->to, r->buf + r->at, r->n);

	if (n > 0) {
		r->at += (size_t)n;
		r->n -= (size_t)n;
	} else if (n != -EAGAIN && n != -EINTR) {
		r->n = 0;
		drop(s, r);
	}
}

static void hear_record(struct session *s, uint32_t kind, const void *data)
{
	uint32_t number = *(const uint32_t *)data;

	switch (kind) {
	case INIT_END: s->end = *(const uint64_t *)data; break;
	case INIT_WINDOW: {
		uint16_t w[4] = {((const uint16_t *)data)[0], ((const uint16_t *)data)[1]};

		if (s->master >= 0)
			CALL3(ioctl, s->master, TIOCSWINSZ, w);
		break;
	}
	case INIT_SIGNAL:
		if (!s->over)
			CALL2(kill, -s->pid, number);
		break;
	case INIT_CLOSED:
		if (number == 1 || number == 2)
			drop(s, &s->relay[number]);
		break;
	default: break;
	}
}

static void hear(struct session *s)
{
	long n = CALL3(read, control, s->heard + s->nr_heard, sizeof(s->heard) - s->nr_heard);
	size_t at = 0;

	if (n > 0)
		s->nr_heard += (size_t)n;
	while (s->nr_heard - at >= sizeof(struct init_record)) {
		struct init_record h;
		uint64_t data[4];

		memcpy(&h, s->heard + at, sizeof(h));
		if (h.size > sizeof(data) || s->nr_heard - at < sizeof(h) + h.size)
			break;
		memcpy(data, s->heard + at + sizeof(h), h.size);
		hear_record(s, h.kind, data);
		at += sizeof(h) + h.size;
	}
	for (size_t i = at; i < s->nr_heard; i++)
		s->heard[i - at] = s->heard[i];
	s->nr_heard -= at;
}

/* An init has many children; when the command ends, the others are killed. */
static void reap(struct session *s)
{
	char info[128];
	long pid;
	int status;

	CALL3(read, s->children, info, sizeof(info));
	while ((pid = CALL4(wait4, -1, &status, 1, 0)) > 0) {
		if (pid != s->pid)
			continue;
		s->over = true;
		s->status = status;
		close_in(s);
		CALL2(kill, -1, SIGKILL);
	}
}

static bool has_output(const struct session *s)
{
	for (int i = 1; i < 3; i++)
		if (s->relay[i].from >= 0 || s->relay[i].n)
			return true;
	return false;
}

static void serve(struct session *s)
{
	struct pollfd p[5] = {{.fd = control, .events = POLLIN}, {.fd = s->children, .events = POLLIN}};

	for (int i = 0; i < 3; i++) {
		struct relay *r = &s->relay[i];

		if (i == 0 && r->total == s->end && !r->n)
			close_in(s);
		p[2 + i].fd = r->n ? r->to : r->from;
		p[2 + i].events = r->n ? POLLOUT : POLLIN;
		p[2 + i].revents = 0;
	}
	if (CALL3(poll, p, 5, s->over ? LINGER_MS : -1) == 0) {
		drop(s, &s->relay[1]);
		drop(s, &s->relay[2]);
	}
	for (int i = 0; i < 3; i++) {
		struct relay *r = &s->relay[i];

		if (!p[2 + i].revents || p[2 + i].fd < 0)
			continue;
		if (r->n)
			empty(s, r);
		else
			fill(s, r);
	}
	if (p[0].revents & POLLIN)
		hear(s);
	if (p[1].revents & POLLIN)
		reap(s);
}

static void __attribute__((noreturn)) run(const struct setup *setup, int stdio, int err)
{
	uint64_t child = UINT64_C(1) << (SIGCHLD - 1);
	static struct session s;
	uint32_t value;

	s.relay[0] = (struct relay){.from = stdio, .to = -1, .buf = allocate(BUFFER)};
	s.relay[1] = (struct relay){.from = -1, .to = stdio, .buf = allocate(BUFFER)};
	s.relay[2] = (struct relay){.from = -1, .to = err, .buf = allocate(BUFFER)};
	s.end = UINT64_MAX;
	CALL4(rt_sigprocmask, SIG_SETMASK, &child, 0, sizeof(child));
	s.children = (int)CALL4(signalfd4, -1, &child, sizeof(child), O_CLOEXEC);
	s.pid = start(setup, s.relay, &s.master);
	answer(INIT_STARTED, "", 0);
	while (!s.over || has_output(&s))
		serve(&s);
	if (setup->out)
		files_send(control, setup->out);
	value = s.status & 0x7f ? (uint32_t)s.status & 0x7f : (uint32_t)s.status >> 8 & 0xff;
	answer(s.status & 0x7f ? INIT_KILLED : INIT_EXITED, &value, sizeof(value));
	while (true)
		CALL1(pause, 0);
}

void __attribute__((noreturn, used)) init_main(void);
void init_main(void)
{
	static struct setup machine, setup;
	int stdio, err;

	CALL2(mkdir, "/dev", 0755);
	CALL2(mkdir, "/proc", 0755);
	CALL5(mount, "dev", "/dev", "devtmpfs", 0, "mode=755");
	load_modules();
	control = wait_for_port(INIT_PORT_CONTROL);
	stdio = wait_for_port(INIT_PORT_STDIO);
	err = wait_for_port(INIT_PORT_STDERR);
	read_setup(&machine);
	mount_shares(&machine);
	mount_kernel();
	enter_root();
	raise_loopback();
	/* A snapshot is taken here, and what follows is for the guests that are restored. */
	answer(INIT_READY, "", 0);
	read_setup(&setup);
	if (setup.out)
		files_make(setup.out, setup.nr_ids > 1 ? setup.ids[0] : 0, setup.nr_ids > 1 ? setup.ids[1] : 0);
	run(&setup, stdio, err);
}

/* The kernel enters with the stack aligned to 16 bytes; a function expects it as a call leaves it. */
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tcall init_main\n");
