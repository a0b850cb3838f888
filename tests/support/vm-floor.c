// SPDX-License-Identifier: Apache-2.0
/*
 * usage: vm-floor IRQFDS ORDER
 *
 * The least that makes a VM with interrupt controllers and runs it: bare ioctls, 128 MiB of RAM of which one page is
 * used, one vCPU that resets the machine through port 0x64, IRQFDS interrupt lines. Its status is 32. ORDER says how:
 *
 *	vm       closes the vCPU, then the VM, and ends
 *	lines    closes the interrupt lines before these
 *	exit     ends
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_SIZE    (128u << 20)
#define CODE_AT     0x1000
#define IRQFDS_MAX  16
#define FIRST_IRQ   4
#define EXIT_STATUS 32

static int checked(int r, const char *what)
{
	if (r >= 0)
		return r;
	perror(what);
	exit(1);
}

static void *mapped(size_t size, int flags, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	checked(p == MAP_FAILED ? -1 : 0, "mmap");
	return p;
}

static void run(int vcpu, const struct kvm_run *state)
{
	struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2};
	struct kvm_sregs sregs;

	checked(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	checked(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	checked(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	checked(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	checked(state->exit_reason == KVM_EXIT_IO ? 0 : -1, "the exit");
}

int main(int argc, char **argv)
{
	static const uint8_t code[] = {0xb0, 0xfe, 0xe6, 0x64, 0xeb, 0xfa}; /* mov $0xfe, %al; out %al, $0x64; again */
	int kvm = checked(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm"), line[IRQFDS_MAX], vm, vcpu, lines, size;
	struct kvm_userspace_memory_region slot = {.memory_size = RAM_SIZE};
	struct kvm_run *state;
	uint8_t *ram;

	lines = argc == 3 ? atoi(argv[1]) : -1;
	if (lines < 0 || lines > IRQFDS_MAX)
		return 2;
	vm = checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	ram = mapped(RAM_SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memcpy(ram + CODE_AT, code, sizeof(code));
	slot.userspace_addr = (uintptr_t)ram;
	checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	checked(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	for (int i = 0; i < lines; i++) {
		struct kvm_irqfd irqfd = {.gsi = (uint32_t)(FIRST_IRQ + i)};

		line[i] = checked(eventfd(0, EFD_NONBLOCK), "eventfd");
		irqfd.fd = (uint32_t)line[i];
		checked(ioctl(vm, KVM_IRQFD, &irqfd), "KVM_IRQFD");
	}
	size = checked(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	vcpu = checked(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	state = mapped((size_t)size, MAP_SHARED, vcpu);
	run(vcpu, state);
	if (!strcmp(argv[2], "exit"))
		_exit(EXIT_STATUS);
	for (int i = 0; i < lines && !strcmp(argv[2], "lines"); i++)
		close(line[i]);
	munmap(state, (size_t)size);
	close(vcpu);
	close(vm);
	_exit(EXIT_STATUS);
}
