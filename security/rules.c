// SPDX-License-Identifier: Apache-2.0
#include "security/rules.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "vmm/base/kick.h"

/*
 * Only vmm/ includes KVM's header, so the numbers of its requests are defined here. Linux include/uapi/linux/kvm.h; a
 * unit test compares. KVM_GET_* only read.
 */
#define REQUEST_KVM_RUN             0xae80
#define REQUEST_KVM_GET_REGS        0x8090ae81
#define REQUEST_KVM_GET_SREGS       0x8138ae83
#define REQUEST_KVM_GET_MSRS        0xc008ae88
#define REQUEST_KVM_SET_REGS        0x4090ae82
#define REQUEST_KVM_SET_SREGS       0x4138ae84
#define REQUEST_KVM_SET_MSRS        0x4008ae89
#define REQUEST_KVM_GET_FPU         0x81a0ae8c
#define REQUEST_KVM_SET_FPU         0x41a0ae8d
#define REQUEST_KVM_SET_DEBUG       0x4048ae9b
#define REQUEST_KVM_GET_MP_STATE    0x8004ae98
#define REQUEST_KVM_CLOCK_CTRL      0xaead
#define REQUEST_KVM_REINJECT        0xae71
#define REQUEST_KVM_CREATE_PIT2     0x4040ae77
#define REQUEST_KVM_SET_PIT2        0x4070aea0
#define REQUEST_KVM_GET_VCPU_EVENTS 0x8040ae9f
#define REQUEST_KVM_GET_SREGS2      0x8140aecc
#define REQUEST_KVM_GET_DEBUGREGS   0x8080aea1
#define REQUEST_KVM_GET_XCRS        0x8188aea6
#define REQUEST_KVM_GET_XSAVE2      0x9000aecf
#define REQUEST_KVM_GET_LAPIC       0x8400ae8e
#define REQUEST_KVM_GET_DEVICE_ATTR 0x4018aee2
#define REQUEST_KVM_GET_IRQCHIP     0xc208ae62
#define REQUEST_KVM_GET_PIT2        0x8070ae9f
#define REQUEST_KVM_GET_CLOCK       0x8030ae7c
#define REQUEST_KVM_SET_SREGS2      0x4140aecd
#define REQUEST_KVM_SET_XCRS        0x4188aea7
#define REQUEST_KVM_GET_XSAVE       0x9000aea4
#define REQUEST_KVM_SET_XSAVE       0x5000aea5
#define REQUEST_KVM_SET_DEBUGREGS   0x4080aea2
#define REQUEST_KVM_SET_DEVICE_ATTR 0x4018aee1
#define REQUEST_KVM_SET_LAPIC       0x4400ae8f
#define REQUEST_KVM_SET_VCPU_EVENTS 0x4040aea0
#define REQUEST_KVM_SET_MP_STATE    0x4004ae99
#define REQUEST_KVM_SET_IRQCHIP     0x8208ae63
#define REQUEST_KVM_SET_CLOCK       0x4030ae7b
#define REQUEST_KVM_GET_DIRTY_LOG   0x4010ae42
#define REQUEST_KVM_GET_TSC_KHZ     0xaea3
#define REQUEST_KVM_IRQ_LINE        0x4008ae61

/* Linux include/uapi/linux/fcntl.h: not with every feature set of the C library */
#define COMMAND_DUPFD_CLOEXEC 1030
#define COMMAND_OFD_GETLK     36
#define COMMAND_OFD_SETLK     37

/* Some C libraries add it to the flags of an open, where it changes nothing. */
#define LARGE_FILE 0100000u

/* The kernel uses 32 bits of an int, and all 64 of a long. */
#define INT(n, v)                                                                                                      \
	{                                                                                                              \
		n, UINT32_MAX, (uint32_t)(v)                                                                           \
	}
#define LONG(n, v)                                                                                                     \
	{                                                                                                              \
		n, UINT64_MAX, (v)                                                                                     \
	}
#define BITS(n, m, v)                                                                                                  \
	{                                                                                                              \
		n, (m), (v)                                                                                            \
	}
#define NONE                                                                                                           \
	{                                                                                                              \
		-1, 0, 0                                                                                               \
	}

/* The private flag and the choice of the clock are harmless; requeueing and priority inheritance are not allowed. */
#define FUTEX(op) BITS(1, UINT32_MAX & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), op)

/* One row per line. */
/* clang-format off */

#define RULE(role, device, call, what, why, ...) \
	{SANDBOX_##role, SANDBOX_DEVICE_##device, SYS_##call, #call, false, {__VA_ARGS__}, what, why}
#define ANY(role, device, call, why)             RULE(role, device, call, "", why, NONE, NONE)
#define IF(role, device, call, what, c, why)     RULE(role, device, call, what, why, c, NONE)
#define IF2(role, device, call, what, c, d, why) RULE(role, device, call, what, why, c, d)
#define REFUSED(role, device, call, why) \
	{SANDBOX_##role, SANDBOX_DEVICE_##device, SYS_##call, #call, true, {NONE, NONE}, "refused", why}

/* A KVM request to the thread's own vCPU, and to the VM */
#define OWN_VCPU(device, what, request, why) \
	IF2(VCPU, device, ioctl, what ", its vCPU", INT(0, SANDBOX_FD(VCPU)), INT(1, request), why)
#define THE_VM(device, what, request, why) \
	IF2(VCPU, device, ioctl, what ", the VM", INT(0, SANDBOX_FD(VM)), INT(1, request), why)

#define OWN_PROGRAM(what, request, why) \
	IF2(PROGRAM, ALWAYS, ioctl, what ", its vCPU", INT(0, SANDBOX_FD(VCPU)), INT(1, request), why)

/* What every thread needs. */
#define EVERY(role) \
	ANY(role, ALWAYS, write, "wakes another loop or the guest through an eventfd; the log"), \
	IF(role, ALWAYS, futex, "WAIT", FUTEX(FUTEX_WAIT), "a mutex of a device is taken"), \
	IF(role, ALWAYS, futex, "WAKE", FUTEX(FUTEX_WAKE), "a mutex of a device is given back"), \
	ANY(role, ALWAYS, clock_gettime, "the time, where the vDSO does not tell it; CPU time of a thread"), \
	ANY(role, ALWAYS, rt_sigreturn, "comes back from a signal handler"), \
	ANY(role, ALWAYS, exit_group, "ends the process after a trapped call"), \
	/* Needed when the process ends by an error: the terminal's settings are restored. */ \
	IF(role, TERMINAL, ioctl, "TIOCGPGRP", INT(1, TIOCGPGRP), "is the terminal still ours?"), \
	IF(role, TERMINAL, ioctl, "TCSETS", INT(1, TCSETS), "raw mode and back")

/*
 * A thread that waits for a futex with a timeout, and is stopped meanwhile (SIGSTOP, Ctrl-Z, a frozen cgroup),
 * continues with this call instead of the futex call: the kernel has saved the remaining time. It has no argument, and
 * does nothing for a thread that was not interrupted in such a wait. epoll_wait, ppoll, a futex without a timeout,
 * KVM_RUN and reads and writes are restarted unchanged, or return EINTR.
 */
#define TIMED_WAIT(role, why) ANY(role, ALWAYS, restart_syscall, why)

/* loop_yields() */
#define BULK(role, device) \
	IF2(role, device, sched_setscheduler, "own thread, SCHED_BATCH", INT(0, 0), INT(1, SCHED_BATCH), \
		"much data: lets a guest that wakes us go on"), \
	IF2(role, device, sched_setscheduler, "own thread, SCHED_OTHER", INT(0, 0), INT(1, SCHED_OTHER), \
		"little data: takes turns with the guest again")

/*
 * A thread that ends by itself. None of these threads allocates: malloc would make a new arena for it, with other
 * calls.
 */
#define EVERY_ENDING(role) \
	ANY(role, ALWAYS, rt_sigprocmask, "the C library blocks signals while a thread ends"), \
	IF(role, ALWAYS, madvise, "MADV_DONTNEED", INT(2, MADV_DONTNEED), \
		"the C library gives an ended thread's stack back"), \
	ANY(role, ALWAYS, exit, "the thread ends")

/*
 * Sanitizers allocate, unwind, read their own maps and report. Their leak check, which needs ptrace, is switched off
 * behind a filter.
 */
#define EVERY_SANITIZED(role) \
	ANY(role, SANITIZER, mmap, "shadow memory"), \
	ANY(role, SANITIZER, munmap, "shadow memory"), \
	ANY(role, SANITIZER, mprotect, "shadow memory"), \
	ANY(role, SANITIZER, madvise, "shadow memory"), \
	ANY(role, SANITIZER, read, "/proc/self/maps"), \
	ANY(role, SANITIZER, close, "/proc/self/maps"), \
	ANY(role, SANITIZER, open, "/proc/self/maps"), \
	ANY(role, SANITIZER, openat, "/proc/self/maps"), \
	ANY(role, SANITIZER, readlink, "/proc/self/exe"), \
	ANY(role, SANITIZER, newfstatat, "/proc/self/maps"), \
	ANY(role, SANITIZER, fstat, "/proc/self/maps"), \
	ANY(role, SANITIZER, stat, "the program, to symbolize"), \
	ANY(role, SANITIZER, getdents64, "/proc/self/task"), \
	ANY(role, SANITIZER, getpid, "reports"), \
	ANY(role, SANITIZER, gettid, "reports"), \
	ANY(role, SANITIZER, getrlimit, "the stack's bounds"), \
	ANY(role, SANITIZER, prlimit64, "the stack's bounds"), \
	ANY(role, SANITIZER, sched_getaffinity, "the stack's bounds"), \
	ANY(role, SANITIZER, restart_syscall, "a sleep of the runtime goes on after a stop of the process"), \
	ANY(role, SANITIZER, sched_yield, "spin locks"), \
	ANY(role, SANITIZER, nanosleep, "spin locks"), \
	ANY(role, SANITIZER, clock_nanosleep, "spin locks"), \
	ANY(role, SANITIZER, sigaltstack, "each thread's signal stack"), \
	ANY(role, SANITIZER, rt_sigaction, "handlers of the runtime"), \
	ANY(role, SANITIZER, rt_sigprocmask, "a signal that the runtime kept back until now"), \
	ANY(role, SANITIZER, tgkill, "abort()"), \
	ANY(role, SANITIZER, uname, "reports"), \
	ANY(role, SANITIZER, exit, "threads of the runtime"), \
	ANY(role, SANITIZER, lseek, "reports"), \
	ANY(role, SANITIZER, pipe2, "reports"), \
	ANY(role, SANITIZER, ioctl, "is the log a terminal?"), \
	ANY(role, SANITIZER, access, "the program, to symbolize")

/*
 * Calls that musl makes (src/linux/epoll.c, src/thread/pthread_cond_timedwait.c, src/linux/preadv2.c, src/stdio) where
 * glibc makes another call, or none. A build against glibc has none of these rows.
 */
#ifdef __GLIBC__
#define EVERY_MUSL(role)
#define MUSL(...)
#else
#define EVERY_MUSL(role) \
	IF(role, ALWAYS, futex, "REQUEUE", FUTEX(FUTEX_REQUEUE), "musl: waiters for a condition are woken one by one"),
#define MUSL(...) __VA_ARGS__,
#endif
#define EPOLL_PWAIT(role) MUSL(IF(role, ALWAYS, epoll_pwait, "no mask", LONG(4, 0), "musl: epoll_wait"))

const struct sandbox_rule sandbox_rules[] = {
	/* The control loop */
	EVERY(LOOP),
	EVERY_MUSL(LOOP)
	EPOLL_PWAIT(LOOP)
	MUSL(ANY(LOOP, ALWAYS, writev, "musl: text of stdio"))
	MUSL(IF2(LOOP, ALWAYS, mmap, "PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS", LONG(2, PROT_NONE),
		LONG(3, MAP_PRIVATE | MAP_ANONYMOUS), "musl: malloc"))
	MUSL(IF(LOOP, ALWAYS, mprotect, "PROT_READ|PROT_WRITE", LONG(2, PROT_READ | PROT_WRITE), "musl: malloc"))
	IF(LOOP, ALWAYS, futex, "WAIT_BITSET", FUTEX(FUTEX_WAIT_BITSET), "waits for a thread's end"),
	TIMED_WAIT(LOOP, "goes on waiting for a disk's thread to end, after a stop of the process"),
	ANY(LOOP, ALWAYS, epoll_wait, "waits for the next event"),
	ANY(LOOP, ALWAYS, epoll_ctl, "watches, pauses or forgets an fd"),
	ANY(LOOP, ALWAYS, read,
		"an eventfd, a timer, a signal; what comes from the console, passt, the host's randomness"),
	ANY(LOOP, ALWAYS, timerfd_settime, "time limit, grace, pauses, rate limits"),
	IF2(LOOP, ALWAYS, mmap, "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
		LONG(2, PROT_READ | PROT_WRITE), LONG(3, MAP_PRIVATE | MAP_ANONYMOUS), "malloc"),
	ANY(LOOP, ALWAYS, munmap, "free of something large; guest RAM at the end"),
	REFUSED(LOOP, ALWAYS, brk, "malloc asks for mmap then"),
	ANY(LOOP, ALWAYS, close, "what a machine had open, at its end; clients of a console"),
	ANY(LOOP, ALWAYS, ppoll, "a reader that is slow to take the last output"),
	ANY(LOOP, ALWAYS, pread64, "the kernel's symbols for the report"),
	IF2(LOOP, ALWAYS, tgkill, "own process, SIGURG", INT(0, SANDBOX_OWN_PID), INT(2, KICK_SIGNAL),
		"kicks a vCPU out of the guest"),
	IF(LOOP, ALWAYS, ioctl, "KVM_GET_REGS", INT(1, REQUEST_KVM_GET_REGS), "where each CPU stood, for the report"),
	IF(LOOP, ALWAYS, ioctl, "KVM_GET_SREGS", INT(1, REQUEST_KVM_GET_SREGS), "where each CPU stood, for the report"),
	IF(LOOP, ALWAYS, ioctl, "KVM_GET_MP_STATE", INT(1, REQUEST_KVM_GET_MP_STATE),
		"where each CPU stood, for the report"),
	IF(LOOP, ALWAYS, ioctl, "KVM_KVMCLOCK_CTRL", INT(1, REQUEST_KVM_CLOCK_CTRL),
		"the guest's watchdogs forgive the time for which it was held"),
	IF(LOOP, CORE, ioctl, "KVM_GET_MSRS", INT(1, REQUEST_KVM_GET_MSRS), "a CPU's other base of GS, for a core"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_VCPU_EVENTS", INT(1, REQUEST_KVM_GET_VCPU_EVENTS),
		"a CPU's part of a snapshot: exceptions and interrupts"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_SREGS2", INT(1, REQUEST_KVM_GET_SREGS2), "a CPU's part of a snapshot"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_DEBUGREGS", INT(1, REQUEST_KVM_GET_DEBUGREGS), "a CPU's part of a snapshot"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_XCRS", INT(1, REQUEST_KVM_GET_XCRS), "a CPU's part of a snapshot"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_XSAVE2", INT(1, REQUEST_KVM_GET_XSAVE2), "a CPU's part of a snapshot"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_LAPIC", INT(1, REQUEST_KVM_GET_LAPIC), "a CPU's part of a snapshot"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_MSRS", INT(1, REQUEST_KVM_GET_MSRS), "a CPU's part of a snapshot"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_DEVICE_ATTR", INT(1, REQUEST_KVM_GET_DEVICE_ATTR),
		"a CPU's part of a snapshot: the offset of its TSC"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_IRQCHIP", INT(1, REQUEST_KVM_GET_IRQCHIP),
		"a snapshot's interrupt controllers"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_PIT2", INT(1, REQUEST_KVM_GET_PIT2), "a snapshot's interval timer"),
	IF(LOOP, SNAPSHOT, ioctl, "KVM_GET_CLOCK", INT(1, REQUEST_KVM_GET_CLOCK), "a snapshot's clock"),
	IF(LOOP, RESET, ioctl, "KVM_GET_DIRTY_LOG", INT(1, REQUEST_KVM_GET_DIRTY_LOG),
		"which pages the guest has written"),
	IF(LOOP, RESET, ioctl, "KVM_GET_TSC_KHZ", INT(1, REQUEST_KVM_GET_TSC_KHZ),
		"a clock goes on at the rate that it had"),
	IF(LOOP, RESET, ioctl, "KVM_SET_SREGS2", INT(1, REQUEST_KVM_SET_SREGS2), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_XCRS", INT(1, REQUEST_KVM_SET_XCRS), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_XSAVE", INT(1, REQUEST_KVM_SET_XSAVE), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_DEBUGREGS", INT(1, REQUEST_KVM_SET_DEBUGREGS), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_REGS", INT(1, REQUEST_KVM_SET_REGS), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_DEVICE_ATTR", INT(1, REQUEST_KVM_SET_DEVICE_ATTR),
		"the TSC of a CPU goes on from where it was"),
	IF(LOOP, RESET, ioctl, "KVM_SET_MSRS", INT(1, REQUEST_KVM_SET_MSRS), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_LAPIC", INT(1, REQUEST_KVM_SET_LAPIC), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_VCPU_EVENTS", INT(1, REQUEST_KVM_SET_VCPU_EVENTS), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_MP_STATE", INT(1, REQUEST_KVM_SET_MP_STATE), "a CPU goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_IRQCHIP", INT(1, REQUEST_KVM_SET_IRQCHIP), "the interrupt controllers go back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_PIT2", INT(1, REQUEST_KVM_SET_PIT2), "the interval timer goes back"),
	IF(LOOP, RESET, ioctl, "KVM_SET_CLOCK", INT(1, REQUEST_KVM_SET_CLOCK),
		"the guest's clock goes on from where it was"),
	IF(LOOP, RESET, ioctl, "KVM_IRQ_LINE", INT(1, REQUEST_KVM_IRQ_LINE), "an interrupt, delivered at once"),
	IF(LOOP, FILES, fcntl, "F_GETFL", INT(1, F_GETFL), "O_NONBLOCK of a stream is taken back"),
	IF2(LOOP, FILES, fcntl, "F_SETFL, a stream", INT(0, SANDBOX_FD(STREAM)), INT(1, F_SETFL),
		"O_NONBLOCK of a stream is taken back"),
	IF(LOOP, TERMINAL, tgkill, "own process", INT(0, SANDBOX_OWN_PID),
		"Ctrl-Z stops us, a signal ends us, with the terminal set back"),
	IF(LOOP, TERMINAL, ioctl, "TCGETS", INT(1, TCGETS), "the settings of a terminal that is ours only now"),
	IF(LOOP, TERMINAL, ioctl, "TIOCGWINSZ", INT(1, TIOCGWINSZ), "the size that a command's terminal has now"),
	IF(LOOP, PTY, ioctl, "TIOCGPTPEER", INT(1, TIOCGPTPEER), "does anybody have the pty open?"),
	IF(LOOP, PTY, ioctl, "FIONREAD", INT(1, FIONREAD), "has the reader taken the last output?"),
	IF(LOOP, SOCKET, accept4, "SOCK_CLOEXEC|SOCK_NONBLOCK", INT(3, SOCK_CLOEXEC | SOCK_NONBLOCK),
		"a client connects"),
	IF2(LOOP, SOCKET, fcntl, "F_DUPFD_CLOEXEC, 3", INT(1, COMMAND_DUPFD_CLOEXEC), INT(2, 3),
		"a client's two directions are watched apart"),
	ANY(LOOP, SOCKET, wait4, "the process that owns the socket's path ends"),
	IF2(LOOP, STREAM, sendto, "MSG_DONTWAIT|MSG_NOSIGNAL, no address",
		INT(3, MSG_DONTWAIT | MSG_NOSIGNAL), LONG(4, 0),
		"output that must not block"),
	IF2(LOOP, STREAM, recvfrom, "MSG_DONTWAIT, no address", INT(3, MSG_DONTWAIT), LONG(4, 0),
		"input that must not block"),
	ANY(LOOP, PASST, wait4, "passt ends with us"),
	ANY(LOOP, REPORT, wait4, "the process that has put the report in its place ends"),
	ANY(LOOP, VSOCK, wait4, "the process that owns the socket's path ends"),
	ANY(LOOP, GDB, wait4, "the process that owns the socket's path ends"),
	IF2(LOOP, GDB, sendto, "MSG_DONTWAIT|MSG_NOSIGNAL, no address",
		INT(3, MSG_DONTWAIT | MSG_NOSIGNAL), LONG(4, 0), "tells a debugger how the run ended"),
	EVERY_SANITIZED(LOOP),

	/* The loop of the disks */
	EVERY(DISK),
	EVERY_MUSL(DISK)
	EPOLL_PWAIT(DISK)
	MUSL(ANY(DISK, ALWAYS, pwritev, "musl: pwritev2 without flags"))
	EVERY_ENDING(DISK),
	IF(DISK, ALWAYS, futex, "WAIT_BITSET", FUTEX(FUTEX_WAIT_BITSET), "waits until its rate allows a request"),
	TIMED_WAIT(DISK, "goes on waiting until its rate allows a request, after a stop of the process"),
	ANY(DISK, ALWAYS, epoll_wait, "waits for the next kick"),
	ANY(DISK, ALWAYS, read, "an eventfd: the end"),
	IF(DISK, RESET, ioctl, "KVM_IRQ_LINE", INT(1, REQUEST_KVM_IRQ_LINE), "an interrupt, delivered at once"),
	IF(DISK, ALWAYS, preadv, "its disk", INT(0, SANDBOX_FD(DISK)), "the guest reads"),
	IF(DISK, ALWAYS, preadv, "the snapshot", INT(0, SANDBOX_FD(DISK_BASE)), "the guest reads what it wrote before"),
	IF2(DISK, ALWAYS, pwritev2, "its disk, RWF_DSYNC or no flag", INT(0, SANDBOX_FD(DISK)),
		BITS(5, UINT32_MAX & ~(uint32_t)RWF_DSYNC, 0), "the guest writes"),
	IF(DISK, ALWAYS, fdatasync, "its disk", INT(0, SANDBOX_FD(DISK)), "the guest flushes"),
	IF2(DISK, ALWAYS, fallocate, "its disk, PUNCH_HOLE|KEEP_SIZE", INT(0, SANDBOX_FD(DISK)),
		INT(1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), "the guest discards"),
	IF2(DISK, ALWAYS, fallocate, "its disk, ZERO_RANGE|KEEP_SIZE", INT(0, SANDBOX_FD(DISK)),
		INT(1, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE), "the guest writes zeroes"),
	EVERY_SANITIZED(DISK),

	/*
	 * The loop of a share. Descriptors come and go, so none is bound; what is opened is bound by Landlock, and a
	 * name without a path by the two calls that take one.
	 */
	EVERY(SHARE),
	EVERY_MUSL(SHARE)
	EPOLL_PWAIT(SHARE)
	EVERY_ENDING(SHARE),
	ANY(SHARE, ALWAYS, epoll_wait, "waits for the next kick"),
	ANY(SHARE, ALWAYS, read, "an eventfd: the end"),
	IF(SHARE, ALWAYS, openat2, "beneath a directory", INT(3, sizeof(struct open_how)),
		"a name in a directory, opened for reading or for its attributes"),
	IF(SHARE, ALWAYS, statx, "AT_EMPTY_PATH", INT(2, AT_EMPTY_PATH), "attributes of what is open"),
	IF(SHARE, ALWAYS, statx, "AT_SYMLINK_NOFOLLOW|AT_NO_AUTOMOUNT",
		INT(2, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT), "attributes of a name in a directory"),
	ANY(SHARE, ALWAYS, readlinkat, "where a link that is open leads"),
	ANY(SHARE, ALWAYS, getdents64, "the names in a directory"),
	ANY(SHARE, ALWAYS, lseek, "where to go on in a directory; holes of a file"),
	ANY(SHARE, ALWAYS, preadv, "the guest reads a file"),
	ANY(SHARE, ALWAYS, fgetxattr, "an extended attribute"),
	ANY(SHARE, ALWAYS, flistxattr, "their names"),
	ANY(SHARE, ALWAYS, fstatfs, "the size of the host's file system"),
	ANY(SHARE, ALWAYS, close, "what was used least recently"),
	EVERY_SANITIZED(SHARE),

	/* The loop of network devices, the socket device and the balloon */
	EVERY(VIRTIO),
	EVERY_MUSL(VIRTIO)
	EPOLL_PWAIT(VIRTIO)
	EVERY_ENDING(VIRTIO),
	ANY(VIRTIO, ALWAYS, epoll_wait, "waits for the next event"),
	ANY(VIRTIO, ALWAYS, read, "an eventfd or a timer: the next turn, the end"),
	ANY(VIRTIO, ALWAYS, timerfd_settime, "the next turn; how long a program may take"),
	IF(VIRTIO, RESET, ioctl, "KVM_IRQ_LINE", INT(1, REQUEST_KVM_IRQ_LINE), "an interrupt, delivered at once"),
	ANY(VIRTIO, TAP, epoll_ctl, "waits for frames, or for room for one"),
	ANY(VIRTIO, TAP, readv, "a frame for the guest"),
	ANY(VIRTIO, TAP, writev, "a frame from the guest"),
	IF(VIRTIO, TAP, ioctl, "TUNSETOFFLOAD", INT(1, TUNSETOFFLOAD),
		"what the guest's driver lets the host leave undone"),
	BULK(VIRTIO, TAP),
	ANY(VIRTIO, PASST, epoll_ctl, "waits for frames, or for room for one"),
	ANY(VIRTIO, PASST, writev, "a frame from the guest"),
	BULK(VIRTIO, PASST),
	ANY(VIRTIO, VSOCK, epoll_ctl, "watches, pauses or forgets a connection"),
	IF(VIRTIO, VSOCK, accept4, "SOCK_CLOEXEC|SOCK_NONBLOCK", INT(3, SOCK_CLOEXEC | SOCK_NONBLOCK),
		"a program of the host connects"),
	ANY(VIRTIO, VSOCK, close, "a connection ends"),
	IF(VIRTIO, VSOCK, recvmsg, "MSG_DONTWAIT, MSG_PEEK and MSG_CMSG_CLOEXEC or not",
		BITS(2, UINT32_MAX & ~(uint32_t)(MSG_PEEK | MSG_CMSG_CLOEXEC), MSG_DONTWAIT),
		"the line that says where it wants to; a socket that the broker has connected"),
	IF2(VIRTIO, VSOCK, sendto, "MSG_DONTWAIT|MSG_NOSIGNAL, no address",
		INT(3, MSG_DONTWAIT | MSG_NOSIGNAL), LONG(4, 0),
		"data of the guest; the line that says that it is connected; asks the broker"),
	ANY(VIRTIO, VSOCK, readv, "data for the guest"),
	IF(VIRTIO, VSOCK, shutdown, "SHUT_WR", INT(1, SHUT_WR), "the guest will send no more"),
	IF(VIRTIO, BALLOON, madvise, "MADV_DONTNEED", INT(2, MADV_DONTNEED), "the guest gives memory back"),
	IF(VIRTIO, BALLOON, madvise, "MADV_REMOVE", INT(2, MADV_REMOVE),
		"the guest gives memory back that a file holds"),
	IF2(VIRTIO, GIVEN_BACK, mmap, "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED",
		LONG(2, PROT_READ | PROT_WRITE), LONG(3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED),
		"a restored guest gives memory back: anonymous memory instead of the snapshot's"),
	IF(VIRTIO, GIVEN_BACK, madvise, "MADV_DONTDUMP", INT(2, MADV_DONTDUMP), "no core dump has that memory"),
	EVERY_SANITIZED(VIRTIO),

	/* A vCPU */
	EVERY(VCPU),
	EVERY_MUSL(VCPU)
	EVERY_ENDING(VCPU),
	IF(VCPU, ALWAYS, futex, "WAIT_BITSET", FUTEX(FUTEX_WAIT_BITSET), "waits for the start"),
	OWN_VCPU(ALWAYS, "KVM_RUN", REQUEST_KVM_RUN, "runs the guest"),
	OWN_VCPU(ALWAYS, "KVM_GET_REGS", REQUEST_KVM_GET_REGS, "is the CPU halted for good? where did a program end?"),
	OWN_VCPU(ALWAYS, "KVM_GET_MP_STATE", REQUEST_KVM_GET_MP_STATE, "is the CPU halted for good?"),
	THE_VM(PIT, "KVM_CREATE_PIT2", REQUEST_KVM_CREATE_PIT2,
		"the guest programs an interval timer for the first time"),
	THE_VM(PIT, "KVM_REINJECT_CONTROL", REQUEST_KVM_REINJECT,
		"the new interval timer does not inject missed ticks again"),
	THE_VM(PIT, "KVM_SET_PIT2", REQUEST_KVM_SET_PIT2, "the new interval timer, as the guest programmed it"),
	THE_VM(RESET, "KVM_IRQ_LINE", REQUEST_KVM_IRQ_LINE, "an interrupt, delivered at once"),
	OWN_VCPU(ALWAYS, "KVM_GET_MSRS", REQUEST_KVM_GET_MSRS,
		"has the guest a clock better than the ACPI timer that it reads first?"),
	OWN_VCPU(FLAT, "KVM_GET_SREGS", REQUEST_KVM_GET_SREGS, "where a program ended"),
	OWN_VCPU(GDB, "KVM_GET_SREGS", REQUEST_KVM_GET_SREGS, "whose breakpoint is it? by the guest's page tables"),
	OWN_VCPU(GDB, "KVM_SET_GUEST_DEBUG", REQUEST_KVM_SET_DEBUG, "an INT3 of the guest's own goes back to it"),
	EVERY_SANITIZED(VCPU),

	/* A vCPU that runs a Linux program, whose system calls this thread answers */
	EVERY(PROGRAM),
	EVERY_MUSL(PROGRAM)
	EVERY_ENDING(PROGRAM),
	IF(PROGRAM, ALWAYS, futex, "WAIT_BITSET", FUTEX(FUTEX_WAIT_BITSET), "waits for the start"),
	TIMED_WAIT(PROGRAM, "a sleep of the program goes on after a stop of the process"),
	OWN_PROGRAM("KVM_RUN", REQUEST_KVM_RUN, "runs the program"),
	OWN_PROGRAM("KVM_GET_MP_STATE", REQUEST_KVM_GET_MP_STATE, "can KVM not start its thread?"),
	OWN_PROGRAM("KVM_GET_MSRS", REQUEST_KVM_GET_MSRS, "the program asks for its FS or GS base"),
	OWN_PROGRAM("KVM_SET_MSRS", REQUEST_KVM_SET_MSRS, "the program sets its FS or GS base"),
	OWN_PROGRAM("KVM_GET_XSAVE", REQUEST_KVM_GET_XSAVE, "a signal handler's frame has the FPU's state"),
	OWN_PROGRAM("KVM_SET_XSAVE", REQUEST_KVM_SET_XSAVE, "the program comes back from a signal handler"),
	IF(PROGRAM, ALWAYS, readv, "a stream", INT(0, SANDBOX_FD(PROGRAM)), "the program reads"),
	ANY(PROGRAM, ALWAYS, preadv, "the program reads itself and its libraries, and a stream at a place"),
	IF(PROGRAM, ALWAYS, writev, "a stream", INT(0, SANDBOX_FD(PROGRAM)), "the program writes"),
	IF(PROGRAM, ALWAYS, lseek, "a stream", INT(0, SANDBOX_FD(PROGRAM)), "the program seeks"),
	IF(PROGRAM, ALWAYS, fstat, "a stream", INT(0, SANDBOX_FD(PROGRAM)), "the program asks what a stream is"),
	IF2(PROGRAM, ALWAYS, fcntl, "a stream, F_GETFL", INT(0, SANDBOX_FD(PROGRAM)), INT(1, F_GETFL),
		"the program asks how a stream is open"),
	IF2(PROGRAM, ALWAYS, ioctl, "a stream, FIONREAD", INT(0, SANDBOX_FD(PROGRAM)), INT(1, FIONREAD),
		"the program asks how much there is to read"),
	ANY(PROGRAM, ALWAYS, ppoll, "the program waits for its streams"),
	IF(PROGRAM, ALWAYS, timerfd_settime, "its timer", INT(0, SANDBOX_FD(TICK)),
		"the next turn of a thread, or timer of the program"),
	ANY(PROGRAM, ALWAYS, clock_nanosleep, "the program sleeps"),
	IF(PROGRAM, ALWAYS, getrandom, "no flags", INT(2, 0), "the program wants random bytes"),
	IF(PROGRAM, ALWAYS, mprotect, "PROT_NONE", LONG(2, PROT_NONE), "KVM forgets pages that lose a right"),
	IF(PROGRAM, ALWAYS, mprotect, "PROT_READ|PROT_WRITE", LONG(2, PROT_READ | PROT_WRITE),
		"KVM forgets pages that lose a right"),
	/* Files of the host: more than a filter can name. Names beneath an open directory, which Landlock allows. */
	IF2(PROGRAM, ROUNDS, ioctl, "KVM_GET_DIRTY_LOG, the VM", INT(0, SANDBOX_FD(VM)),
		INT(1, REQUEST_KVM_GET_DIRTY_LOG), "which pages go back"),
	ANY(PROGRAM, TREE, openat2, "a name in a directory, without links; what Landlock allows"),
	ANY(PROGRAM, TREE, close, "a directory of a name, a file of the program"),
	ANY(PROGRAM, TREE, readv, "the program reads a file"),
	ANY(PROGRAM, TREE, lseek, "the program seeks in a file or directory"),
	ANY(PROGRAM, TREE, fstat, "what has the name? is it still the same?"),
	ANY(PROGRAM, TREE, fstatfs, "the program asks for a file system"),
	ANY(PROGRAM, TREE, getdents64, "the program lists a directory"),
	ANY(PROGRAM, TREE, readlinkat, "where does a link lead? it is open, and the name is empty"),
	IF(PROGRAM, TREE, faccessat2, "AT_EMPTY_PATH", INT(3, AT_EMPTY_PATH), "the program asks what it may do"),
	IF(PROGRAM, TREE, fcntl, "F_OFD_SETLK", INT(1, COMMAND_OFD_SETLK), "the program locks a part of a file"),
	IF(PROGRAM, TREE, fcntl, "F_OFD_GETLK", INT(1, COMMAND_OFD_GETLK), "the program asks for a lock"),
	IF(PROGRAM, TREE, flock, "LOCK_SH|LOCK_NB", INT(1, LOCK_SH | LOCK_NB), "the program locks a file"),
	IF(PROGRAM, TREE, flock, "LOCK_EX|LOCK_NB", INT(1, LOCK_EX | LOCK_NB), "the program locks a file"),
	IF(PROGRAM, TREE, flock, "LOCK_UN|LOCK_NB", INT(1, LOCK_UN | LOCK_NB), "the program unlocks a file"),
	ANY(PROGRAM, TREE, fsync, "the program wants a file on the disk"),
	ANY(PROGRAM, TREE, fdatasync, "the program wants a file on the disk"),
	ANY(PROGRAM, TREE, fgetxattr, "an attribute of a file that is open"),
	ANY(PROGRAM, TREE, flistxattr, "the attributes of a file that is open"),
	ANY(PROGRAM, CHANGES, syncfs, "the program wants all files on the disk"),
	IF(PROGRAM, CHANGES, fallocate, "no FALLOC_FL_ but KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE",
		BITS(1, UINT32_MAX & ~UINT32_C(0x13), 0), "space for a file, or a hole in it"),
	ANY(PROGRAM, CHANGES, writev, "the program writes to a file"),
	ANY(PROGRAM, CHANGES, pwritev, "the program writes to a file at a place"),
	ANY(PROGRAM, CHANGES, ftruncate, "the program cuts a file, or opens it with O_TRUNC"),
	ANY(PROGRAM, CHANGES, fchmod, "rights of a file that is open"),
	IF2(PROGRAM, CHANGES, utimensat, "no path, no flags", LONG(1, 0), INT(3, 0), "times of a file that is open"),
	ANY(PROGRAM, CHANGES, mkdirat, "a single name in an open directory"),
	ANY(PROGRAM, CHANGES, unlinkat, "a single name in an open directory"),
	ANY(PROGRAM, CHANGES, renameat2, "single names in open directories"),
	IF(PROGRAM, CHANGES, linkat, "no flags", INT(4, 0), "single names in open directories"),
	ANY(PROGRAM, CHANGES, symlinkat, "a single name in an open directory"),
	EVERY_SANITIZED(PROGRAM),

	/* Serves a debugger while all vCPUs are held */
	EVERY(GDB),
	EVERY_MUSL(GDB)
	EPOLL_PWAIT(GDB)
	EVERY_ENDING(GDB),
	ANY(GDB, ALWAYS, epoll_wait, "waits for the debugger, or for the guest to stop"),
	ANY(GDB, ALWAYS, epoll_ctl, "watches or forgets the debugger"),
	ANY(GDB, ALWAYS, read, "an eventfd: the guest has stopped, the end"),
	ANY(GDB, ALWAYS, close, "the debugger has disconnected"),
	IF(GDB, ALWAYS, accept4, "SOCK_CLOEXEC|SOCK_NONBLOCK", INT(3, SOCK_CLOEXEC | SOCK_NONBLOCK),
		"a debugger connects"),
	IF2(GDB, ALWAYS, recvfrom, "MSG_DONTWAIT, no address", INT(3, MSG_DONTWAIT), LONG(4, 0), "what it asks"),
	IF2(GDB, ALWAYS, sendto, "MSG_DONTWAIT|MSG_NOSIGNAL, no address",
		INT(3, MSG_DONTWAIT | MSG_NOSIGNAL), LONG(4, 0), "what it is answered"),
	IF(GDB, ALWAYS, ioctl, "KVM_GET_REGS", INT(1, REQUEST_KVM_GET_REGS), "registers of a vCPU"),
	IF(GDB, ALWAYS, ioctl, "KVM_SET_REGS", INT(1, REQUEST_KVM_SET_REGS), "registers of a vCPU"),
	IF(GDB, ALWAYS, ioctl, "KVM_GET_SREGS", INT(1, REQUEST_KVM_GET_SREGS), "registers of a vCPU, its page tables"),
	IF(GDB, ALWAYS, ioctl, "KVM_SET_SREGS", INT(1, REQUEST_KVM_SET_SREGS), "registers of a vCPU"),
	IF(GDB, ALWAYS, ioctl, "KVM_GET_FPU", INT(1, REQUEST_KVM_GET_FPU), "x87 and SSE of a vCPU"),
	IF(GDB, ALWAYS, ioctl, "KVM_SET_FPU", INT(1, REQUEST_KVM_SET_FPU), "x87 and SSE of a vCPU"),
	IF(GDB, ALWAYS, ioctl, "KVM_GET_MSRS", INT(1, REQUEST_KVM_GET_MSRS), "the kernel's GS base"),
	IF(GDB, ALWAYS, ioctl, "KVM_SET_MSRS", INT(1, REQUEST_KVM_SET_MSRS), "the kernel's GS base"),
	IF(GDB, ALWAYS, ioctl, "KVM_GET_MP_STATE", INT(1, REQUEST_KVM_GET_MP_STATE), "is a vCPU halted?"),
	IF(GDB, ALWAYS, ioctl, "KVM_SET_GUEST_DEBUG", INT(1, REQUEST_KVM_SET_DEBUG), "breakpoints and steps"),
	EVERY_SANITIZED(GDB),
	/* Writes cores or snapshots, each kind by a thread of its own */
	EVERY(STATE),
	EVERY_MUSL(STATE)
	EPOLL_PWAIT(STATE)
	EVERY_ENDING(STATE),
	ANY(STATE, ALWAYS, epoll_wait, "sleeps until a file is asked for"),
	ANY(STATE, ALWAYS, read, "an eventfd: a file is asked for; the end"),
	IF2(STATE, ALWAYS, openat, "its directory, a new file", INT(0, SANDBOX_FD(FILES)),
		BITS(2, UINT32_MAX & ~LARGE_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC),
		"the file, under a name of its own until it is complete"),
	ANY(STATE, ALWAYS, sysinfo, "has the host swap? then RAM that is not in memory is not RAM that nobody touched"),
	ANY(STATE, ALWAYS, mincore, "which RAM has the guest touched?"),
	IF2(STATE, ALWAYS, dup3, "its file, O_CLOEXEC", INT(1, SANDBOX_FD(FILE)), INT(2, O_CLOEXEC),
		"the new file gets the number that may be written to, and leaves it"),
	IF(STATE, ALWAYS, pwrite64, "its file", INT(0, SANDBOX_FD(FILE)), "RAM, and what describes it"),
	IF(STATE, ALWAYS, fsync, "its file", INT(0, SANDBOX_FD(FILE)), "the file is on the disk"),
	IF(STATE, ALWAYS, fsync, "its directory", INT(0, SANDBOX_FD(FILES)), "so is its name"),
	ANY(STATE, SNAPSHOT, fstat, "when was the image of a disk modified?"),
	ANY(STATE, SNAPSHOT, pread64, "samples of images, blocks of overlays: more files than a filter can name"),
	ANY(STATE, ALWAYS, close, "the number that the new file came with"),
	IF2(STATE, ALWAYS, renameat, "in its directory", INT(0, SANDBOX_FD(FILES)), INT(2, SANDBOX_FD(FILES)),
		"the complete file gets its name"),
	IF2(STATE, ALWAYS, unlinkat, "its directory, a file", INT(0, SANDBOX_FD(FILES)), INT(2, 0),
		"a file that could not be completed is removed"),
	EVERY_SANITIZED(STATE),

	/* The broker. Its descriptors: the socket to vmm is 0, the directory 1, those that it opens 3 and 4. */
	IF(BROKER, ALWAYS, read, "fd 0", INT(0, 0), "vmm asks, or has gone"),
	IF2(BROKER, ALWAYS, sendmsg, "fd 0, MSG_NOSIGNAL", INT(0, 0), INT(2, MSG_NOSIGNAL), "hands a socket to vmm"),
	IF(BROKER, ALWAYS, close, "fd 3", INT(0, 3), "what was handed over, or looked at"),
	IF(BROKER, VSOCK, close, "fd 5", INT(0, 5), "what was handed over"),
	IF2(BROKER, ALWAYS, newfstatat, "fd 1, AT_SYMLINK_NOFOLLOW", INT(0, 1), INT(3, AT_SYMLINK_NOFOLLOW),
		"is the socket's path still its own to remove?"),
	IF2(BROKER, ALWAYS, unlinkat, "fd 1, a file", INT(0, 1), INT(2, 0), "removes the socket"),
	IF2(BROKER, VSOCK, openat, "fd 1, O_PATH|O_NOFOLLOW|O_CLOEXEC", INT(0, 1),
		BITS(2, UINT32_MAX & ~LARGE_FILE, O_PATH | O_NOFOLLOW | O_CLOEXEC), "looks at a program's socket"),
	IF2(BROKER, VSOCK, socket, "AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK", INT(0, AF_UNIX),
		INT(1, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK), "the guest connects to a program of the host"),
	IF(BROKER, VSOCK, connect, "fd 5", INT(0, 5), "the guest connects to a program of the host"),
	ANY(BROKER, ALWAYS, exit_group, "the end"),
	EVERY_SANITIZED(BROKER),

	/*
	 * The process that renames a report: the socket to vmm is 0, the directory 1, the file 2 when it has no name
	 * yet.
	 */
	IF(REPORT, ALWAYS, read, "fd 0", INT(0, 0), "is the report complete, or has vmm gone?"),
	IF(REPORT, ALWAYS, getrandom, "no flags", INT(2, 0), "another name, which is then renamed"),
	IF(REPORT, ALWAYS, linkat, "to fd 1", INT(2, 1), "the new file gets a name"),
	IF2(REPORT, ALWAYS, renameat, "from fd 1 to fd 1", INT(0, 1), INT(2, 1), "the new file replaces the old one"),
	IF2(REPORT, ALWAYS, unlinkat, "fd 1, a file", INT(0, 1), INT(2, 0), "a file that nobody wants is removed"),
	IF(REPORT, ALWAYS, write, "fd 0", INT(0, 0), "tells vmm how it went"),
	ANY(REPORT, ALWAYS, exit_group, "the end"),
	EVERY_SANITIZED(REPORT),

	/*
	 * The process that writes a command's files: the socket to vmm is 0, the directory 1, the pipe 2. Landlock
	 * limits what it can reach.
	 */
	IF(OUT, ALWAYS, read, "fd 2", INT(0, 2), "files of the guest, or vmm has gone"),
	ANY(OUT, ALWAYS, mkdirat, "a directory of the guest's"),
	IF(OUT, ALWAYS, openat, "O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC",
		BITS(2, UINT32_MAX & ~LARGE_FILE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		"enters a directory"),
	IF(OUT, ALWAYS, openat, "O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC",
		BITS(2, UINT32_MAX & ~LARGE_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC),
		"a new file"),
	IF(OUT, ALWAYS, unlinkat, "a file", INT(2, 0), "what has the name of a new file is removed"),
	ANY(OUT, ALWAYS, write, "bytes of a file; tells vmm how it went"),
	ANY(OUT, ALWAYS, close, "a file is complete, a directory is left"),
	ANY(OUT, ALWAYS, exit_group, "the end"),
	EVERY_SANITIZED(OUT),

	/* The process of vmm test that reads what guests print. Landlock limits what it can open further. */
	ANY(RUNNER, ALWAYS, poll, "waits for output of guests, for their end, for a signal"),
	ANY(RUNNER, ALWAYS, read, "output of guests and of vmm; a signal; how a report went"),
	ANY(RUNNER, ALWAYS, write, "progress, logs, reports"),
	IF2(RUNNER, ALWAYS, openat, "its directories, a file, O_TRUNC", INT(0, SANDBOX_FD(FILES)),
		BITS(2, UINT32_MAX & ~LARGE_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC),
		"the log of a test; a further JUnit file"),
	IF2(RUNNER, ALWAYS, openat, "its directories, a file, O_APPEND", INT(0, SANDBOX_FD(FILES)),
		BITS(2, UINT32_MAX & ~LARGE_FILE, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC),
		"the log of a further attempt"),
	IF(RUNNER, ALWAYS, pipe2, "O_CLOEXEC", INT(1, O_CLOEXEC), "the streams of a vmm"),
	IF2(RUNNER, ALWAYS, fcntl, "F_SETFL, O_NONBLOCK", INT(1, F_SETFL), INT(2, O_NONBLOCK), "our ends of them"),
	IF(RUNNER, ALWAYS, sendmsg, "MSG_NOSIGNAL", INT(2, MSG_NOSIGNAL), "asks the launcher to start or end a vmm"),
	IF2(RUNNER, ALWAYS, recvfrom, "MSG_DONTWAIT, no address", INT(3, MSG_DONTWAIT), LONG(4, 0),
		"the launcher says how one ended"),
	ANY(RUNNER, ALWAYS, close, "streams, logs, reports"),
	IF(RUNNER, ALWAYS, ioctl, "TIOCGWINSZ", INT(1, TIOCGWINSZ), "the width of the progress bar"),
	IF2(RUNNER, ALWAYS, mmap, "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
		LONG(2, PROT_READ | PROT_WRITE), LONG(3, MAP_PRIVATE | MAP_ANONYMOUS), "malloc"),
	ANY(RUNNER, ALWAYS, munmap, "free of something large"),
	IF(RUNNER, ALWAYS, mremap, "MREMAP_MAYMOVE", LONG(3, MREMAP_MAYMOVE), "a long log grows"),
	REFUSED(RUNNER, ALWAYS, brk, "malloc asks for mmap then"),
	ANY(RUNNER, ALWAYS, ftruncate, "a report that is written in place is emptied"),
	ANY(RUNNER, ALWAYS, ppoll, "waits for the end of the process that renames a report"),
	ANY(RUNNER, ALWAYS, wait4, "that process, and the launcher, end"),
	ANY(RUNNER, ALWAYS, clock_gettime, "the time, where the vDSO does not tell it"),
	TIMED_WAIT(RUNNER, "goes on waiting after a stop of the process"),
	ANY(RUNNER, ALWAYS, exit_group, "the end"),
	MUSL(ANY(RUNNER, ALWAYS, writev, "musl: text of stdio"))
	MUSL(ANY(RUNNER, ALWAYS, readv, "musl: text of stdio"))
	MUSL(IF2(RUNNER, ALWAYS, mmap, "PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS", LONG(2, PROT_NONE),
		LONG(3, MAP_PRIVATE | MAP_ANONYMOUS), "musl: malloc"))
	MUSL(IF(RUNNER, ALWAYS, mprotect, "PROT_READ|PROT_WRITE", LONG(2, PROT_READ | PROT_WRITE), "musl: malloc"))
	MUSL(ANY(RUNNER, ALWAYS, madvise, "musl: free"))
	MUSL(ANY(RUNNER, ALWAYS, rt_sigprocmask, "musl: the end"))
	EVERY_SANITIZED(RUNNER),

	/* Collects the output of clones. Its descriptors are the streams of clones, which come over a socket. */
	ANY(CLONES, ALWAYS, ppoll, "waits for a clone, a signal or the spawner"),
	TIMED_WAIT(CLONES, "goes on waiting after a stop of the process"),
	ANY(CLONES, ALWAYS, read, "what a clone prints; a signal"),
	ANY(CLONES, ALWAYS, write, "prints it"),
	IF(CLONES, ALWAYS, recvmsg, "MSG_CMSG_CLOEXEC", INT(2, MSG_CMSG_CLOEXEC), "a clone has started or ended"),
	IF2(CLONES, ALWAYS, sendto, "MSG_NOSIGNAL, no address", INT(3, MSG_NOSIGNAL), LONG(4, 0),
		"a signal is for all clones"),
	ANY(CLONES, ALWAYS, close, "a stream that has ended"),
	ANY(CLONES, ALWAYS, wait4, "the spawner ends"),
	ANY(CLONES, ALWAYS, munmap, "free of something large"),
	REFUSED(CLONES, ALWAYS, brk, "the C library gives memory back"),
	ANY(CLONES, ALWAYS, clock_gettime, "the time, where the vDSO does not tell it"),
	ANY(CLONES, ALWAYS, exit_group, "the end"),
	MUSL(ANY(CLONES, ALWAYS, madvise, "musl: free"))
	EVERY_SANITIZED(CLONES),
};

/* clang-format on */

const size_t sandbox_rules_nr = sizeof(sandbox_rules) / sizeof(sandbox_rules[0]);
