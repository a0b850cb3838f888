// SPDX-License-Identifier: Apache-2.0
/*
 * Ends the VM it runs in, with a status of its choice: how a test inside a
 * Linux guest tells its result.
 *
 *	vmm-exit [--port PORT] N	writes N to the debug-exit port (0xf4);
 *					vmm and QEMU then end with 2N + 1
 *	vmm-exit poweroff|reboot|halt	asks the kernel, at once, with no
 *					shutdown of anything
 *
 * Returns, with a line on stderr, only if that did not end the VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <unistd.h>

static int usage(void)
{
	fprintf(stderr, "usage: vmm-exit [--port PORT] N | poweroff | reboot | halt\n");
	return 2;
}

static int number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 0);
	return *text < '0' || *text > '9' || *end || errno || *ret > max;
}

static unsigned long port = 0xf4, status;

/*
 * QEMU's software CPU refuses port access by the TSS bitmap in a nested guest
 * whose VMM has set the task register with KVM_SET_SREGS (it takes a busy TSS
 * for none). /dev/port, where the kernel has it, goes another way.
 */
static void refused(int sig)
{
	int fd = open("/dev/port", O_WRONLY | O_CLOEXEC);
	unsigned char byte = (unsigned char)status;
	static const char words[] = "vmm-exit: the CPU refuses access to the port\n";

	(void)sig;
	if (fd < 0 || pwrite(fd, &byte, 1, (off_t)port) != 1)
		if (write(2, words, sizeof(words) - 1) < 0)
			_exit(2);
	_exit(1);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--port")) {
		if (number(argv[2], 0xffff, &port))
			return usage();
		argv += 2;
		argc -= 2;
	}
	if (argc != 2)
		return usage();

	sync();
	if (!strcmp(argv[1], "poweroff")) {
		reboot(RB_POWER_OFF);
	} else if (!strcmp(argv[1], "reboot")) {
		reboot(RB_AUTOBOOT);
	} else if (!strcmp(argv[1], "halt")) {
		reboot(RB_HALT_SYSTEM);
	} else {
		/* The port is one byte wide on some VMMs: larger numbers are cut there. */
		if (number(argv[1], 0xffffffff, &status))
			return usage();
		/* ioperm covers any port; iopl is for kernels without it. */
		if (ioperm(port, 4, 1) && iopl(3)) {
			perror("vmm-exit: no access to I/O ports");
			return 1;
		}
		signal(SIGSEGV, refused);
		errno = 0;
		if (status > 0xff)
			outl((unsigned int)status, (unsigned short)port);
		else
			outb((unsigned char)status, (unsigned short)port);
		fprintf(stderr, "vmm-exit: nothing answers at port %#lx\n", port);
		return 1;
	}
	fprintf(stderr, "vmm-exit: %s: %s\n", argv[1], strerror(errno));
	return 1;
}
