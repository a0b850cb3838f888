// SPDX-License-Identifier: Apache-2.0
/*
 * The init of scripts/initramfs: mounts what programs expect, loads the
 * modules named in /etc/modules in their order and the drivers of /etc/drivers
 * whose devices are there, greets, runs /etc/run (a shell script), else
 * /etc/argv (a program and its arguments, one in a line), else a shell, and
 * powers off.
 *
 * The greeting is one line, "vmm guest: ...", so that a test can wait for it;
 * at the end stands "vmm guest: result N", N as a shell tells it (128 + S for a
 * signal). With "debug_exit=PORT" on the kernel's command line, or vmm_exit=1
 * for the usual port, a result other than 0 also goes to the debug-exit port;
 * /etc/no-poweroff keeps the VM alive after the end. The power button powers
 * off at once, where the kernel has evdev.
 *
 * With /etc/root-disk (scripts/initramfs --root-disk) it does what an initrd is
 * for instead: it loads the modules, mounts the disk that root= names
 * (/dev/vda if none does) and becomes the init of that.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void try_mount(const char *type, const char *where, const char *opts)
{
	mkdir(where, 0755);
	/* A kernel without it is not an error; devtmpfs may be mounted already. */
	if (mount(type, where, type, 0, opts) && errno != ENODEV && errno != EBUSY && errno != ENOENT)
		fprintf(stderr, "init: mount %s: %s\n", where, strerror(errno));
}

static void try_link(const char *to, const char *path)
{
	if (symlink(to, path) && errno != EEXIST)
		fprintf(stderr, "init: %s: %s\n", path, strerror(errno));
}

static void load_module(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, params, 0) && errno != EEXIST))
		fprintf(stderr, "init: module %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void load_modules(void)
{
	char line[512];
	FILE *list = fopen("/etc/modules", "re");

	if (!list)
		return;
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		/* "PATH PARAMETERS" */
		char *params = strchr(line, ' ');

		if (params)
			*params++ = 0;
		load_module(line, params ? params : "");
	}
	fclose(list);
}

/* Which devices of virtio there are, a bit each by their number. The bus numbers them virtio0, virtio1, ... */
static uint64_t virtio_devices(void)
{
	uint64_t there = 0;
	char path[64];

	for (int i = 0; i < 64; i++) {
		unsigned id = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/sys/bus/virtio/devices/virtio%d/device", i);
		f = fopen(path, "re");
		if (f && fscanf(f, "%i", &id) == 1 && id < 64)
			there |= UINT64_C(1) << id;
		if (f)
			fclose(f);
	}
	return there;
}

/*
 * /etc/drivers: the release of the kernel that they are for, then "NUMBER PATH..." in lines: what a device of virtio
 * with that number needs, and first with 0 what finds the devices.
 */
static void load_drivers(void)
{
	char line[4096], *path, *rest;
	FILE *list = fopen("/etc/drivers", "re");
	uint64_t there = 0;
	struct utsname uts;

	if (!list)
		return;
	uname(&uts);
	if (fgets(line, sizeof(line), list))
		line[strcspn(line, "\n")] = 0;
	/* Another kernel than the one that the modules are of has its drivers built in, or has none. */
	if (strcmp(line, uts.release)) {
		if (!virtio_devices())
			fprintf(stderr, "init: no drivers for virtio: the modules here are those of Linux %s\n", line);
		fclose(list);
		return;
	}
	while (fgets(line, sizeof(line), list)) {
		unsigned long id = strtoul(line, &rest, 10);

		if (id && !(there >> id % 64 & 1))
			continue;
		while ((path = strtok_r(NULL, " \n", &rest)))
			load_module(path, "");
		if (!id)
			there = virtio_devices();
	}
	fclose(list);
}

static void loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
}

static void greet(void)
{
	struct timespec now;
	struct utsname uts;
	struct sysinfo info;

	uname(&uts);
	sysinfo(&info);
	clock_gettime(CLOCK_BOOTTIME, &now);
	printf("vmm guest: Linux %s, %ld CPU%s, %llu MiB, up %lld.%03ld s\n", uts.release,
		sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_NPROCESSORS_ONLN) == 1 ? "" : "s",
		(unsigned long long)info.totalram * info.mem_unit >> 20, (long long)now.tv_sec, now.tv_nsec / 1000000);
}

/* The lines of /etc/argv, or NULL. */
static const char *const *read_argv(void)
{
	static char text[4096];
	static const char *vec[64];
	int fd = open("/etc/argv", O_RDONLY | O_CLOEXEC), n = 0;

	if (fd < 0)
		return NULL;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	for (char *word = strtok(text, "\n"); word && n < 63; word = strtok(NULL, "\n"))
		vec[n++] = word;
	return n ? vec : NULL;
}

/* The serial port's buffers must be empty before the machine goes away. */
static void drain_console(void)
{
	fflush(NULL);
	ioctl(1, 0x5409 /* TCSBRK */, 1);
}

/*
 * The leader of the console's session. When a leader ends, the kernel hangs the terminal up, and that throws away what
 * the serial port has not sent yet: so the leader is not the program itself, and ends only when all is sent.
 */
static void lead(pid_t pid)
{
	int st = 0;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	drain_console();
	_exit(WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st));
}

static pid_t start(const char *const argv[])
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* A session of its own on the console: Ctrl-C and job control work. */
	setsid();
	int fd = open("/dev/console", O_RDWR);

	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
	}
	ioctl(0, TIOCSCTTY, 1);
	pid = fork();
	if (pid > 0)
		lead(pid);
	signal(SIGINT, SIG_DFL);
	/* The kernel hands us only what it did not understand itself. */
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	if (!getenv("TERM"))
		setenv("TERM", "linux", 1);
	execv(argv[0], (char *const *)argv);
	fprintf(stderr, "init: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void debug_exit(int result)
{
	const char *port = getenv("debug_exit");
	unsigned long nr = port ? strtoul(port, NULL, 0) : 0;

	if (!port && getenv("vmm_exit"))
		nr = 0xf4;
	if (!nr || nr > 0xffff || !result)
		return;
	if (!ioperm(nr, 1, 1))
		outb((unsigned char)result, (unsigned short)nr);
}

/*
 * A process of its own waits for the power button. It looks again for a while,
 * because a module that brings the button may be loaded by the command.
 */
static void watch_power_button(void)
{
	struct pollfd p[8];
	struct input_event ev;
	char path[32];
	int n = 0;

	if (fork())
		return;
	for (int i = 0; i < 8; i++)
		p[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	for (;;) {
		for (int i = 0; i < 8; i++) {
			snprintf(path, sizeof(path), "/dev/input/event%d", i);
			if (p[i].fd < 0 && (p[i].fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0)
				n++;
		}
		poll(p, 8, n ? -1 : 1000);
		for (int i = 0; i < 8; i++) {
			if (!(p[i].revents & POLLIN) || read(p[i].fd, &ev, sizeof(ev)) != sizeof(ev))
				continue;
			if (ev.type != EV_KEY || ev.code != KEY_POWER || !ev.value)
				continue;
			printf("vmm guest: power button\n");
			drain_console();
			reboot(RB_POWER_OFF);
		}
	}
}

/* The value of a word of the kernel's command line, or deflt. The kernel keeps root= and init= for itself. */
static const char *boot_param(const char *name, const char *deflt, char *buf, size_t size)
{
	size_t len = strlen(name), n;
	FILE *f = fopen("/proc/cmdline", "re");

	n = f ? fread(buf, 1, size - 1, f) : 0;
	buf[n] = 0;
	if (f)
		fclose(f);
	for (char *word = strtok(buf, " \n"); word; word = strtok(NULL, " \n"))
		if (!strncmp(word, name, len))
			return word + len;
	return deflt;
}

/* Tries every file system that the kernel knows by now: it reads what it can. */
static int mount_disk(const char *disk, const char *where, unsigned long flags)
{
	char line[64];
	FILE *f = fopen("/proc/filesystems", "re");
	int r = -1;

	while (f && r && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] == '\t')
			r = mount(disk, where, line + 1, flags, NULL);
	}
	if (f)
		fclose(f);
	return r;
}

static void give_up(const char *what)
{
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
	drain_console();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void become_root_disk(void)
{
	static const char *const moved[] = {"/dev", "/proc", "/sys"};
	char text[4096], init_text[4096], target[32];
	const char *disk = boot_param("root=", "/dev/vda", text, sizeof(text));
	const char *program = boot_param("init=", "/sbin/init", init_text, sizeof(init_text));
	char *argv[] = {(char *)program, NULL};

	/* A disk that another driver brings may take a moment. */
	for (int i = 0; i < 50 && access(disk, F_OK); i++)
		usleep(100000);
	mkdir("/root-disk", 0755);
	if (mount_disk(disk, "/root-disk", 0) && mount_disk(disk, "/root-disk", MS_RDONLY))
		give_up(disk);
	if (chdir("/root-disk"))
		give_up("chdir");
	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
		snprintf(target, sizeof(target), ".%s", moved[i]);
		/* A root without the directory does without what goes there. */
		if (mount(moved[i], target, NULL, MS_MOVE, NULL))
			umount2(moved[i], MNT_DETACH);
	}
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		give_up("cannot make the disk the root");
	drain_console();
	execv(program, argv);
	give_up(program);
}

int main(void)
{
	static const char *const run[] = {"/bin/busybox", "sh", "/etc/run", NULL};
	static const char *const shell[] = {"/bin/busybox", "sh", "-i", NULL};
	const char *const *argv = read_argv();
	int status = 127, st;
	pid_t pid, got;

	umask(022);
	try_mount("devtmpfs", "/dev", NULL);
	if (fcntl(1, F_GETFD) < 0) {
		/* An initramfs without /dev/console: the kernel opened nothing for us. */
		int fd = open("/dev/console", O_RDWR);

		if (fd >= 0) {
			dup2(fd, 0);
			dup2(fd, 1);
			dup2(fd, 2);
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	try_mount("proc", "/proc", NULL);
	try_mount("sysfs", "/sys", NULL);
	try_mount("devpts", "/dev/pts", "ptmxmode=0666");
	try_mount("tmpfs", "/dev/shm", "mode=1777");
	/* The root is a tmpfs already, and files may have been packed into /tmp. */
	mkdir("/tmp", 0777);
	chmod("/tmp", 01777);
	mkdir("/run", 0755);
	mkdir("/root", 0700);
	try_link("/proc/self/fd", "/dev/fd");
	try_link("/proc/self/fd/0", "/dev/stdin");
	try_link("/proc/self/fd/1", "/dev/stdout");
	try_link("/proc/self/fd/2", "/dev/stderr");
	load_modules();
	load_drivers();
	if (!access("/etc/root-disk", F_OK))
		become_root_disk();
	loopback_up();
	watch_power_button();
	greet();

	pid = start(!access("/etc/run", R_OK) ? run : argv ? argv : shell);
	while (pid > 0 && (got = waitpid(-1, &st, 0)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		if (got == pid) {
			status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
			break;
		}
	}
	printf("vmm guest: result %d\n", status);
	drain_console();
	if (!access("/etc/no-poweroff", F_OK))
		for (;;)
			if (waitpid(-1, NULL, 0) < 0)
				pause();
	debug_exit(status);
	sync();
	reboot(RB_POWER_OFF);
	/* A kernel that cannot power off comes back from it. */
	fprintf(stderr, "init: the kernel cannot power off\n");
	for (;;)
		pause();
}
