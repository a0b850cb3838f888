// SPDX-License-Identifier: Apache-2.0
/*
 * The first and only program of the lab's inner host; scripts/lab builds it,
 * statically, and starts it as PID 1.
 *
 * It loads the modules named in /modules, unpacks the cpio archives found on
 * the disks /dev/vda, vdb, ... into a tmpfs, makes that the root (so that
 * pivot_root works, which an initramfs forbids), runs one command and carries
 * its input and output over virtio-serial ports:
 *
 *	vport0p1  control, lines: "started", "beat" once in two seconds of the
 *		  inner host's time, "output" and "input" at the first byte of
 *		  each, "exit N" when all output has reached the host.
 *		  The host may send "kill N": signal N to the command's group,
 *		  and empty lines, for the interrupt that they are.
 *	vport0p2  the command's stdout
 *	vport0p3  the command's stderr
 *	vport0p4  the command's stdin
 *	vport0p5  what --out names, as a tar archive, when the command has ended
 *
 * The ports are raw: what the command writes arrives byte for byte. The
 * command sees pipes, not the ports, because a port can be opened only once,
 * and ">/dev/stderr" opens it again. With lab_tty=ROWSxCOLS on the kernel's
 * command line it gets a terminal of its own instead.
 *
 * With lab_e9 on the kernel's command line there are neither disks nor such
 * ports (scripts/lab --intel): the archive is the file /files.cpio, what would
 * go to ports 1 to 3 goes to I/O port 0xe9, in frames, and the command's stdin
 * is /lab/stdin, if there is one.
 *
 * The command's arguments, environment and directory come in the archive, as
 * NUL-terminated strings in /lab/args, /lab/env and /lab/cwd.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK       32768 /* the port driver takes no more at once */
#define BEATS_PER_S 4

static int ctl = -1;
static bool e9;

static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdprintf(2, fmt, ap);
	va_end(ap);
	dprintf(2, "\n");
}

static void die(const char *what, const char *which)
{
	say("lab-init: %s %s: %s", what, which, strerror(errno));
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void e9_put(const void *data, size_t len)
{
	__asm__ volatile("rep outsb" : "+S"(data), "+c"(len) : "d"(0xe9) : "memory");
}

/* What scripts/lab.d/bochs-frames.c takes apart. @len is at most 65535. */
static void e9_frame(char stream, const char *data, size_t len)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (unsigned char)data[i];
	const unsigned char header[] = {0x1e, 'v', 'm', 'm', (unsigned char)stream, len & 255,
		(unsigned char)(len >> 8), sum & 255, (sum >> 8) & 255};

	e9_put(header, sizeof(header));
	e9_put(data, len);
}

/* The control port is blocking: a line is at most delayed by the host. */
static void tell(const char *fmt, ...)
{
	char line[64];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (e9)
		e9_frame('c', line, (size_t)len);
	else if (ctl >= 0 && write(ctl, line, (size_t)len) < 0)
		say("lab-init: control port: %s", strerror(errno));
}

static void try_mount(const char *type, const char *where, const char *opts)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, opts) && errno != ENODEV && errno != EBUSY)
		say("lab-init: mount %s: %s", where, strerror(errno));
}

/* lab_kvm=PARAMETER=VALUE,... is for the module of the processor's maker. */
static void load_modules(void)
{
	char line[256], params[256] = "";
	FILE *list = fopen("/modules", "re");
	const char *kvm = getenv("lab_kvm");

	if (!list)
		die("open", "/modules");
	snprintf(params, sizeof(params), "%s", kvm ? kvm : "");
	for (char *comma = params; (comma = strchr(comma, ','));)
		*comma = ' ';
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		int fd = open(line, O_RDONLY | O_CLOEXEC);

		const char *with = strstr(line, "/kvm-intel") || strstr(line, "/kvm-amd") ? params : "";

		if (fd < 0 || (syscall(SYS_finit_module, fd, with, 0) && errno != EEXIST))
			say("lab-init: module %s: %s", line, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	fclose(list);
}

/*
 * The host side of a port is known to be open only after a message that comes
 * later than the device node; reading before it looks like an end of file.
 */
static int open_port(int nr, int flags)
{
	char path[64], state[256];

	for (int i = 0; i < 2000; i++, usleep(5000)) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/virtio-ports/vport0p%d", nr);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		ssize_t len = read(fd, state, sizeof(state) - 1);

		close(fd);
		if (len <= 0)
			continue;
		state[len] = 0;
		if (!strstr(state, "host_connected: 1"))
			continue;
		snprintf(path, sizeof(path), "/dev/vport0p%d", nr);
		fd = open(path, flags | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	snprintf(path, sizeof(path), "%d", nr);
	die("no virtio-serial port", path);
	return -1;
}

static int run(char *const argv[], int in)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (in >= 0)
			dup2(in, 0);
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
	static char buf[65536];
	ssize_t len;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (in < 0 || out < 0)
		die("copy", from);
	while ((len = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)len) != len)
			die("write", to);
	close(in);
	close(out);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say("lab-init: %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Unpacks into the current directory. */
static void unpack(int fd, const char *path)
{
	char *cpio[] = {"/busybox", "cpio", "-idmu", NULL};

	if (run(cpio, fd))
		die("unpack", path);
	close(fd);
}

static void unpack_disks(int disks)
{
	char path[64];

	for (int i = 0; i < disks; i++) {
		int fd = -1;

		snprintf(path, sizeof(path), "/dev/vd%c", 'a' + i);
		for (int tries = 0; tries < 2000 && fd < 0; tries++) {
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				usleep(5000);
		}
		if (fd < 0)
			die("open", path);
		unpack(fd, path);
	}
}

static void unpack_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open", path);
	unlink(path);
	unpack(fd, path);
}

static void make_root(int disks)
{
	static const char *const dirs[] = {
		"dev",
		"proc",
		"sys",
		"tmp",
		"run",
		"etc",
		"root",
		"mnt",
		"home",
		"var",
		"usr",
		"usr/bin",
		"usr/sbin",
		"usr/lib",
		"usr/lib64",
		"var/tmp",
		"var/run",
		"lab",
	};
	static const char *const merged[] = {"bin", "sbin", "lib", "lib64"};
	char path[64];

	mkdir("/new", 0755);
	if (mount("tmpfs", "/new", "tmpfs", 0, "mode=755,size=100%,nr_inodes=0") || chdir("/new"))
		die("mount", "the root");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (mkdir(dirs[i], 0755))
			die("mkdir", dirs[i]);
	for (size_t i = 0; i < sizeof(merged) / sizeof(*merged); i++) {
		snprintf(path, sizeof(path), "usr/%s", merged[i]);
		if (symlink(path, merged[i]))
			die("symlink", merged[i]);
	}
	chmod("tmp", 01777);
	chmod("var/tmp", 01777);
	write_file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n");
	write_file("etc/group", "root:x:0:\nkvm:x:104:\nnogroup:x:65534:\n");
	write_file("etc/hosts", "127.0.0.1 localhost lab\n::1 localhost\n");
	write_file("etc/hostname", "lab\n");

	/* The applets first: a program of the same name that is carried in wins. */
	copy_file("/busybox", "usr/bin/busybox", 0755);
	char *install[] = {"/busybox", "--install", "-s", NULL};
	pid_t pid = fork();

	if (!pid) {
		if (chroot("/new") || chdir("/"))
			_exit(127);
		install[0] = "/usr/bin/busybox";
		execv(install[0], install);
		_exit(127);
	}
	waitpid(pid, NULL, 0);

	if (e9)
		unpack_file("/files.cpio");
	else
		unpack_disks(disks);

	if (mount("/dev", "dev", NULL, MS_MOVE, NULL) || mount("/proc", "proc", NULL, MS_MOVE, NULL) ||
		mount("/sys", "sys", NULL, MS_MOVE, NULL))
		die("move", "mounts");
	/* Nothing of the initramfs is needed any more; give its memory back. */
	unlink("/busybox");
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		die("switch", "root");

	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666,gid=5,mode=620");
	try_mount("tmpfs", "/dev/shm", "mode=1777");
	/* Not /tmp and /run: the root is a tmpfs, and files may have been carried there. */
	try_mount("hugetlbfs", "/dev/hugepages", NULL);
	try_mount("tracefs", "/sys/kernel/tracing", NULL);
	try_mount("cgroup2", "/sys/fs/cgroup", NULL);
	try_mount("securityfs", "/sys/kernel/security", NULL);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	sethostname("lab", 3);
	if (getenv("lab_scratch")) {
		snprintf(path, sizeof(path), "/dev/vd%c", 'a' + disks);
		mkdir("/scratch", 0755);
		for (int tries = 0; tries < 2000 && access(path, F_OK); tries++)
			usleep(5000);
		if (mount(path, "/scratch", "ext4", 0, NULL))
			die("mount", "/scratch");
	}
}

static void loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		say("lab-init: lo: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static bool ipv4_ioctl(int fd, unsigned long request, const char *address)
{
	struct ifreq ifr = {.ifr_name = "eth0"};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};

	memcpy(&ifr.ifr_addr, &in, sizeof(in));
	return ioctl(fd, request, &ifr) == 0;
}

/* The network of QEMU (-netdev user, with its default addresses), which has a name server of its own. */
static void network_up(void)
{
	struct ifreq up = {.ifr_name = "eth0", .ifr_flags = IFF_UP | IFF_RUNNING};
	struct sockaddr_in any = {.sin_family = AF_INET}, gateway = any;
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	gateway.sin_addr.s_addr = inet_addr("10.0.2.2");
	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	memcpy(&route.rt_gateway, &gateway, sizeof(gateway));
	if (fd < 0 || !ipv4_ioctl(fd, SIOCSIFADDR, "10.0.2.15") || !ipv4_ioctl(fd, SIOCSIFNETMASK, "255.255.255.0") ||
		ioctl(fd, SIOCSIFFLAGS, &up) || ioctl(fd, SIOCADDRT, &route))
		say("lab-init: eth0: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	write_file("etc/resolv.conf", "nameserver 10.0.2.3\n");
}

/* The NUL-terminated strings of a file, as a NULL-terminated vector. */
static char **strings(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		die("open", path);
	size_t size = (size_t)st.st_size, n = 0;
	char *text = calloc(1, size + 1);

	if (!text || read(fd, text, size) != (ssize_t)size)
		die("read", path);
	close(fd);
	for (size_t i = 0; i < size; i++)
		n += !text[i];
	char **vec = calloc(n + 1, sizeof(*vec));

	if (!vec)
		die("read", path);
	for (size_t i = 0, at = 0; i < n; i++, at += strlen(text + at) + 1)
		vec[i] = text + at;
	return vec;
}

/* One direction: from a file descriptor to another, through a buffer. */
struct relay {
	int from, to;      /* -1: closed */
	const char *first; /* told to the host at the first byte */
	char frame;        /* where it goes in frames instead, the stream's letter */
	size_t at, len;
	char buf[CHUNK];
};

static void relay_close_from(struct relay *r)
{
	if (r->from >= 0)
		close(r->from);
	r->from = -1;
}

/* Reads when the buffer is empty; returns false at the end or when it would block. */
static int relay_fill(struct relay *r)
{
	if (r->from < 0 || r->at < r->len)
		return 0;
	ssize_t n = read(r->from, r->buf, sizeof(r->buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) { /* EIO is how a terminal ends */
		relay_close_from(r);
		return 0;
	}
	r->at = 0;
	r->len = (size_t)n;
	if (r->first)
		tell("%s\n", r->first);
	r->first = NULL;
	return 1;
}

static void relay_drain(struct relay *r)
{
	if (r->at == r->len)
		return;
	if (r->frame) {
		e9_frame(r->frame, r->buf + r->at, r->len - r->at);
		r->at = r->len;
		return;
	}
	ssize_t n = r->to < 0 ? (ssize_t)(r->len - r->at) : write(r->to, r->buf + r->at, r->len - r->at);

	if (n > 0)
		r->at += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		r->at = r->len;
}

static void nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int child_pipe[2];

static void on_child(int sig)
{
	int saved = errno;

	(void)sig;
	if (write(child_pipe[1], "", 1) < 0)
		saved = errno;
	errno = saved;
}

static void start(char **args, int in, int out, int err, int tty)
{
	char **cwd = strings("/lab/cwd");
	struct rlimit core = {0, RLIM_INFINITY};

	signal(SIGCHLD, SIG_DFL);
	setsid();
	/* It would be inherited, and make each switch to the command dearer. */
	if (e9)
		ioperm(0xe9, 1, 0);
	if (tty)
		ioctl(in, TIOCSCTTY, 0);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	setrlimit(RLIMIT_CORE, &core);
	if (!cwd[0] || chdir(cwd[0]))
		dprintf(2, "lab: chdir: %s\n", strerror(errno));
	environ = strings("/lab/env");
	execvp(args[0], args);
	int e = errno;

	dprintf(2, "lab: %s: %s\n", args[0], strerror(e));
	_exit(e == ENOENT ? 127 : 126);
}

static void on_control(void)
{
	char line[256];
	ssize_t n = read(ctl, line, sizeof(line) - 1);
	int sig;

	if (n <= 0)
		return;
	line[n] = 0;
	if (sscanf(line, " kill %d", &sig) == 1)
		kill(-1, sig); /* everything but this process */
}

static struct relay rel_out, rel_err, rel_in;

/*
 * QEMU 7.2's VMRUN sets a bit in the CPU's mask of pending interrupts without the lock that others set theirs under, so
 * now and then the local APIC has an interrupt (the timer's, an IPI's) of which the CPU never hears: it stays halted,
 * or in its guest, until the next one comes. So each CPU gets one often, by having this process moved there.
 */
static void visit_cpus(void)
{
	static cpu_set_t all;
	cpu_set_t one;

	if (!CPU_COUNT(&all) && sched_getaffinity(0, sizeof(all), &all))
		return;
	if (CPU_COUNT(&all) < 2)
		return;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		sched_setaffinity(0, sizeof(one), &one);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

/*
 * KVM switches the processors' SVM on with the first VM and off with the last, by an interrupt to each CPU. Under TCG
 * with two CPUs that hangs now and then, within ten rounds of KVM_CREATE_VM and close. So one VM is there for ever.
 */
static void hold_kvm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm >= 0 && ioctl(kvm, KVM_CREATE_VM, 0) >= 0)
		return; /* both stay open, and out of CMD's sight */
	fprintf(stderr, "lab: no VM can be made in the inner host: %s\n", strerror(errno));
}

/* What --out names (in /lab/out), to the host as an archive. What is not there is missing in it: the host says so. */
static void bring_back(void)
{
	static char tar[] = "/bin/busybox", applet[] = "tar", mode[] = "-cf", out[] = "-", from[] = "-C", root[] = "/";
	char **names = strings("/lab/out"), *args[7 + 64] = {tar, applet, mode, out, from, root};
	int to = e9 ? -1 : open_port(5, O_WRONLY), data[2], n = 6;
	static char buf[CHUNK];
	ssize_t len;

	for (int i = 0; names[i] && n < 6 + 64; i++)
		if (access(names[i], F_OK) == 0)
			args[n++] = names[i] + 1;
	if (n == 6 || pipe2(data, O_CLOEXEC))
		return;
	pid_t pid = fork();

	if (!pid) {
		dup2(data[1], 1);
		execv(args[0], args);
		_exit(127);
	}
	close(data[1]);
	while ((len = read(data[0], buf, sizeof(buf))) > 0) {
		/* However much it is, the host hears that we live. */
		tell("beat\n");
		if (e9)
			e9_frame('r', buf, (size_t)len);
		for (ssize_t at = 0, put; !e9 && at < len; at += put) {
			put = write(to, buf + at, (size_t)(len - at));
			if (put < 0)
				die("write", "what --out names");
		}
	}
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const char *disks = getenv("lab_disks"), *tty = getenv("lab_tty"), *in_mode = getenv("lab_stdin");
	struct winsize ws = {.ws_row = 24, .ws_col = 80};
	int in[2] = {-1, -1}, out[2], err[2];

	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	e9 = getenv("lab_e9");
	if (e9 && ioperm(0xe9, 1, 1))
		die("use", "port 0xe9");
	load_modules();
	hold_kvm();
	if (!e9)
		ctl = open_port(1, O_RDWR);
	tell("up\n");
	make_root(disks ? atoi(disks) : 0);
	loopback_up();
	if (getenv("lab_net"))
		network_up();

	rel_out.to = e9 ? -1 : open_port(2, O_WRONLY | O_NONBLOCK);
	rel_err.to = e9 ? -1 : open_port(3, O_WRONLY | O_NONBLOCK);
	rel_out.frame = e9 ? 'o' : 0;
	rel_err.frame = e9 ? 'e' : 0;
	rel_out.first = rel_err.first = "output";
	rel_in.from = !in_mode ? -1
		: e9           ? open("/lab/stdin", O_RDONLY | O_CLOEXEC)
			       : open_port(4, O_RDONLY | O_NONBLOCK);
	rel_in.first = "input";

	if (pipe2(child_pipe, O_CLOEXEC | O_NONBLOCK))
		die("make", "pipes");
	if (tty) {
		sscanf(tty, "%hux%hu", &ws.ws_row, &ws.ws_col);
		int master, slave;

		if (openpty(&master, &slave, NULL, NULL, &ws))
			die("open", "a terminal");
		fcntl(master, F_SETFD, FD_CLOEXEC);
		nonblock(master);
		in[0] = out[1] = err[1] = slave;
		rel_out.from = in[1] = master;
		rel_err.from = -1;
		rel_in.to = master;
	} else {
		if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || (in_mode && pipe2(in, O_CLOEXEC)))
			die("make", "pipes");
		if (!in_mode)
			in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		rel_out.from = out[0];
		rel_err.from = err[0];
		rel_in.to = in[1];
		nonblock(out[0]);
		nonblock(err[0]);
		if (in[1] >= 0)
			nonblock(in[1]);
	}

	struct sigaction sa = {.sa_handler = on_child, .sa_flags = SA_RESTART};

	sigaction(SIGCHLD, &sa, NULL);
	int beat = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct itimerspec often = {{0, 1000000000 / BEATS_PER_S}, {0, 1000000000 / BEATS_PER_S}};
	unsigned long long beats = 0;

	timerfd_settime(beat, 0, &often, NULL);

	char **args = strings("/lab/args");

	tell("started\n");
	pid_t child = fork();

	if (child < 0)
		die("start", args[0]);
	if (!child)
		start(args, in[0], out[1], err[1], tty != NULL);
	close(in[0]);
	if (!tty) {
		close(out[1]);
		close(err[1]);
	}

	int status = -1;

	/*
	 * Ends when the command has ended and what it wrote has been consumed
	 * by the host: a port is writable when its last buffer was taken.
	 * Others that hold the pipes open do not keep us.
	 */
	for (;;) {
		struct relay *rel[] = {&rel_out, &rel_err, &rel_in};
		struct pollfd p[9] = {0};
		int moved = 0, taken[3] = {0};

		for (int i = 0; i < 3; i++) {
			moved |= relay_fill(rel[i]);
			relay_drain(rel[i]);
		}
		if (rel_in.from < 0 && rel_in.at == rel_in.len && rel_in.to >= 0 && !tty) {
			close(rel_in.to);
			rel_in.to = -1;
		}
		if (status >= 0 && !moved && rel_out.at == rel_out.len && rel_err.at == rel_err.len) {
			p[0] = (struct pollfd){.fd = rel_out.to, .events = POLLOUT};
			p[1] = (struct pollfd){.fd = rel_err.to, .events = POLLOUT};
			poll(p, 2, 0);
			taken[0] = e9 || p[0].revents & POLLOUT;
			taken[1] = e9 || p[1].revents & POLLOUT;
			if (taken[0] && taken[1])
				break;
		}
		for (int i = 0; i < 3; i++) {
			int full = rel[i]->at < rel[i]->len;

			p[i] = (struct pollfd){.fd = full ? -1 : rel[i]->from, .events = POLLIN};
			p[i + 3] = (struct pollfd){.fd = full ? rel[i]->to : -1, .events = POLLOUT};
			if (status >= 0 && i < 2 && !full && !taken[i])
				p[i + 3] = (struct pollfd){.fd = rel[i]->to, .events = POLLOUT};
		}
		/* After the command's end only the output matters. */
		if (status >= 0) {
			p[2].fd = p[5].fd = -1;
			p[0].fd = p[1].fd = -1;
		}
		p[6] = (struct pollfd){.fd = child_pipe[0], .events = POLLIN};
		p[7] = (struct pollfd){.fd = beat, .events = POLLIN};
		p[8] = (struct pollfd){.fd = ctl, .events = POLLIN};
		poll(p, 9, -1);

		if (p[6].revents) {
			char sink[64];
			pid_t pid;
			int st;

			while (read(child_pipe[0], sink, sizeof(sink)) > 0)
				;
			while ((pid = waitpid(-1, &st, WNOHANG)) > 0)
				if (pid == child)
					status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
		}
		if (p[7].revents & POLLIN) {
			unsigned long long n;

			visit_cpus();
			if (read(beat, &n, sizeof(n)) > 0 && beats++ % (2 * BEATS_PER_S) == 0)
				tell("beat\n");
		}
		if (p[8].revents & POLLIN)
			on_control();
	}
	if (getenv("lab_out"))
		bring_back();
	tell("exit %d\n", status);
	/* The host ends us when it has read this; if it has gone, end by ourselves. */
	sleep(10);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
