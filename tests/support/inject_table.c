// SPDX-License-Identifier: Apache-2.0
#include "tests/support/inject_table.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "vmm/base/kick.h"

/* Linux include/uapi/linux/fs.h, fcntl.h: newer than some headers */
#define WRITE_APPEND   0x10
#define WRITE_NOAPPEND 0x20
#define WRITE_DSYNC    0x02

/* Roles */
#define LOOP     INJECT_ROLE(SANDBOX_LOOP)
#define DISK     INJECT_ROLE(SANDBOX_DISK)
#define SHARER   INJECT_ROLE(SANDBOX_SHARE)
#define VIRTIO   INJECT_ROLE(SANDBOX_VIRTIO)
#define VCPU     INJECT_ROLE(SANDBOX_VCPU)
#define PROGRAM  INJECT_ROLE(SANDBOX_PROGRAM)
#define BROKER   INJECT_ROLE(SANDBOX_BROKER)
#define REPORTER INJECT_ROLE(SANDBOX_REPORT)
#define DEBUGGER INJECT_ROLE(SANDBOX_GDB)
#define WRITER   INJECT_ROLE(SANDBOX_STATE)
#define NOBODY   0
#define THREADS  (LOOP | DISK | SHARER | VIRTIO | VCPU | PROGRAM | DEBUGGER | WRITER)
#define OTHERS   (THREADS & ~SHARER)
#define EVERY    THREADS

/* Devices */
#define ANY        SANDBOX_HAS(ALWAYS)
#define ON(device) SANDBOX_HAS(device)

/* Arguments */
#define N(n)                                                                                                           \
	{                                                                                                              \
		INJECT_NUMBER, (uint64_t)(n), NULL                                                                     \
	}
#define FD(end)                                                                                                        \
	{                                                                                                              \
		INJECT_FD, 0, end                                                                                      \
	}
#define BYTES(text)                                                                                                    \
	{                                                                                                              \
		INJECT_BYTES, 0, text                                                                                  \
	}
#define ROOM(size)                                                                                                     \
	{                                                                                                              \
		INJECT_ROOM, size, NULL                                                                                \
	}
#define IOV(text)                                                                                                      \
	{                                                                                                              \
		INJECT_IOVEC, 0, text                                                                                  \
	}
#define IOV_ROOM(size)                                                                                                 \
	{                                                                                                              \
		INJECT_IOVEC, size, NULL                                                                               \
	}
#define PATH(name)                                                                                                     \
	{                                                                                                              \
		INJECT_PATH, 0, name                                                                                   \
	}
#define UNIX(name)                                                                                                     \
	{                                                                                                              \
		INJECT_UNIX, 0, name                                                                                   \
	}
#define ABSTRACT                                                                                                       \
	{                                                                                                              \
		INJECT_ABSTRACT, 0, NULL                                                                               \
	}
#define TCP                                                                                                            \
	{                                                                                                              \
		INJECT_INET, 0, NULL                                                                                   \
	}
#define UDP                                                                                                            \
	{                                                                                                              \
		INJECT_INET, 1, NULL                                                                                   \
	}
#define KEPT                                                                                                           \
	{                                                                                                              \
		INJECT_KEPT, 0, NULL                                                                                   \
	}
#define SELF                                                                                                           \
	{                                                                                                              \
		INJECT_SELF, 0, NULL                                                                                   \
	}
#define VICTIM                                                                                                         \
	{                                                                                                              \
		INJECT_VICTIM, 0, NULL                                                                                 \
	}
#define THREAD                                                                                                         \
	{                                                                                                              \
		INJECT_THREAD, 0, NULL                                                                                 \
	}
#define CODE                                                                                                           \
	{                                                                                                              \
		INJECT_CODE, 0, NULL                                                                                   \
	}

#define ITS(kind)                                                                                                      \
	{                                                                                                              \
		INJECT_ITS, SANDBOX_FD_##kind, NULL                                                                    \
	}

#define UN      sizeof(struct sockaddr_un)
#define STDIN   N(0)
#define CONSOLE N(1)
#define LOG     N(2)
#define CWD     N(AT_FDCWD)

#define ROW(roles, devices, ends, only, nr, call, words, want, why, ...)                                               \
	{                                                                                                              \
		roles, devices, nr, call, {__VA_ARGS__}, words, want, why, ends, only                                  \
	}
#define CAN(roles, devices, call, want, why, ...)                                                                      \
	ROW(roles, devices, false, THREADS, SYS_##call, #call, #__VA_ARGS__, want, why, __VA_ARGS__)
/* The same, but for a Linux program's thread, to which the log is a stream of the program */
#define NOT_PROGRAM(roles, devices, call, want, why, ...)                                                              \
	ROW(roles, devices, false, THREADS & ~PROGRAM, SYS_##call, #call, #__VA_ARGS__, want, why, __VA_ARGS__)
#define ENDS(roles, devices, call, want, why, ...)                                                                     \
	ROW(roles, devices, true, roles, SYS_##call, #call, #__VA_ARGS__, want, why, __VA_ARGS__)
/* No filter allows it. */
#define NEVER(call, ...) DENIED(THREADS | BROKER | REPORTER, call, __VA_ARGS__)
/* Where the numbers of the arguments are those of these roles alone */
#define OWN(roles, devices, call, want, why, ...)                                                                      \
	ROW(roles, devices, false, roles, SYS_##call, #call, #__VA_ARGS__, want, why, __VA_ARGS__)
#define DENIED(roles, call, ...)                                                                                       \
	ROW(NOBODY, 0, false, roles, SYS_##call, #call, #__VA_ARGS__, "killed", "", __VA_ARGS__)

/* clang-format off */
const struct inject_row inject_rows[] = {
	/* write: every thread, for eventfds and the log */
	CAN(EVERY, ANY, write, "ok appended:log", "a false line in the log, behind what is there",
		LOG, BYTES("x"), N(1)),
	CAN(EVERY, ANY, write, "ok appended:console", "a false line on the console, behind what is there",
		CONSOLE, BYTES("x"), N(1)),
	CAN(EVERY, ANY, write, "EBADF|ok", "open for reading, or what its input says is read there too",
		STDIN, BYTES("x"), N(1)),
	CAN(EVERY, ANY, write, "ok overwritten:disk.img", "the guest may write its disk",
		FD("/disk.img"), BYTES("x"), N(1)),
	CAN(EVERY, ANY, write, "EBADF", "a disk that is `ro` is open for reading", FD("/ro.img"), BYTES("x"), N(1)),
	CAN(EVERY, ANY, write, "EBADF", "the kernel's image is open for reading", FD("/kernel"), BYTES("x"), N(1)),
	CAN(EVERY, ANY, write, "EINVAL", "nothing to write", FD("kvm-vm"), BYTES("x"), N(1)),
	CAN(EVERY, ANY, write, "EBADF", "KVM's parameters are open for reading", FD("/halt_poll_ns"), BYTES("0"), N(1)),
	CAN(EVERY, ANY, write, "EFAULT", "a bad address", LOG, N(1), N(1)),

	/* futex, the clock, brk */
	CAN(EVERY, ANY, futex, "EAGAIN", "a value that is not there", ROOM(4), N(FUTEX_WAIT), N(1), N(0)),
	CAN(EVERY, ANY, futex, "ok", "nobody waits", ROOM(4), N(FUTEX_WAKE), N(1), N(0)),
	CAN(LOOP | DISK | VCPU | PROGRAM, ANY, futex, "EAGAIN", "a value that is not there",
		ROOM(4), N(FUTEX_WAIT_BITSET), N(1), N(0), N(0), N(1)),
	NEVER(futex, ROOM(4), N(FUTEX_LOCK_PI), N(0), N(0)),
	NEVER(futex, ROOM(4), N(FUTEX_CMP_REQUEUE), N(0), N(0)),
	CAN(EVERY, ANY, clock_gettime, "ok", "tells the time", N(1), ROOM(16)),
	CAN(LOOP, ANY, brk, "ok", "refused: the break does not move", N(0)),
	CAN(LOOP | DISK | PROGRAM, ANY, restart_syscall, "EINTR|ok|blocks",
		"nothing was interrupted in a timed wait", N(0)),

	/* Memory */
	CAN(LOOP, ANY, mmap, "ok", "the process's own memory",
		N(0), N(4096), N(PROT_READ | PROT_WRITE), N(MAP_PRIVATE | MAP_ANONYMOUS), N(-1), N(0)),
	CAN(LOOP, ANY, mmap, "ENOMEM", "no more than some memory for a report (RLIMIT_DATA)",
		N(0), N(512 << 20), N(PROT_READ | PROT_WRITE), N(MAP_PRIVATE | MAP_ANONYMOUS), N(-1), N(0)),
	NEVER(mmap, N(0), N(4096), N(PROT_READ | PROT_WRITE | PROT_EXEC), N(MAP_PRIVATE | MAP_ANONYMOUS), N(-1), N(0)),
	NEVER(mmap, N(0), N(4096), N(PROT_READ | PROT_EXEC), N(MAP_PRIVATE | MAP_ANONYMOUS), N(-1), N(0)),
	NEVER(mmap, N(0), N(4096), N(PROT_READ | PROT_WRITE), N(MAP_SHARED), FD("/disk.img"), N(0)),
	NEVER(mmap, CODE, N(4096), N(PROT_READ | PROT_WRITE), N(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED), N(-1), N(0)),
	NEVER(mprotect, CODE, N(4096), N(PROT_READ | PROT_WRITE | PROT_EXEC)),
	OWN(PROGRAM, ANY, mprotect, "ENOMEM", "the process's own memory", N(0x10000), N(4096), N(PROT_NONE)),
	OWN(PROGRAM, ANY, mprotect, "ENOMEM", "the process's own memory",
		N(0x10000), N(4096), N(PROT_READ | PROT_WRITE)),
	NEVER(mprotect, CODE, N(4096), N(PROT_READ | PROT_EXEC)),
	NEVER(pkey_mprotect, CODE, N(4096), N(PROT_READ | PROT_WRITE | PROT_EXEC), N(-1)),
	NEVER(mremap, CODE, N(4096), N(4096), N(MREMAP_MAYMOVE)),
	NEVER(shmat, N(0), N(0), N(0)),
	NEVER(memfd_create, BYTES("x"), N(0)),
	NEVER(remap_file_pages, CODE, N(4096), N(0), N(0), N(0)),
	NEVER(userfaultfd, N(0)),
	NEVER(process_vm_readv, VICTIM, IOV("x"), N(1), IOV("x"), N(1), N(0)),
	NEVER(process_vm_writev, SELF, IOV("x"), N(1), IOV("x"), N(1), N(0)),
	CAN(LOOP, ANY, munmap, "ok", "the process's own memory", N(0), N(4096)),
	CAN(DISK | SHARER | VCPU | PROGRAM | DEBUGGER | WRITER, ANY, madvise, "ENOMEM", "the process's own memory",
		N(0x10000), N(4096), N(MADV_DONTNEED)),
	CAN(VIRTIO, ANY, madvise, "ENOMEM", "the process's own memory", N(0x10000), N(4096), N(MADV_DONTNEED)),
	CAN(VIRTIO, ON(BALLOON), madvise, "ENOMEM", "the process's own memory", N(0x10000), N(4096), N(MADV_REMOVE)),
	NEVER(madvise, CODE, N(4096), N(MADV_HWPOISON)),
	NEVER(madvise, CODE, N(4096), N(MADV_DODUMP)),
	NEVER(madvise, CODE, N(4096), N(MADV_MERGEABLE)),
	NEVER(process_madvise, N(0), IOV("x"), N(1), N(MADV_PAGEOUT), N(0)),

	/* Files by their paths */
	NEVER(open, PATH("other/secret"), N(O_RDONLY)),
	NEVER(openat, CWD, PATH("other/secret"), N(O_RDONLY)),
	DENIED(OTHERS | BROKER | REPORTER, openat2, CWD, PATH("other/secret"), ROOM(24), N(24)),
	NEVER(creat, PATH("other/new"), N(0600)),
	NEVER(open_by_handle_at, N(-1), ROOM(128), N(0)),
	NEVER(truncate, PATH("other/secret"), N(0)),
	NEVER(unlink, PATH("other/secret")),
	NEVER(rename, PATH("other/secret"), PATH("other/new")),
	NEVER(renameat2, CWD, PATH("other/secret"), CWD, PATH("other/new"), N(0)),
	NEVER(link, PATH("other/secret"), PATH("other/new")),
	NEVER(linkat, CWD, PATH("other/secret"), CWD, PATH("other/new"), N(0)),
	NEVER(symlink, PATH("other/secret"), PATH("other/new")),
	NEVER(mkdir, PATH("other/new"), N(0700)),
	NEVER(rmdir, PATH("other")),
	NEVER(mknodat, CWD, PATH("other/new"), N(S_IFIFO | 0600), N(0)),
	NEVER(chmod, PATH("other/secret"), N(0777)),
	NEVER(fchmodat, CWD, PATH("other/secret"), N(0777)),
	NEVER(chown, PATH("other/secret"), N(1), N(1)),
	NEVER(fchown, FD("/disk.img"), N(1), N(1)),
	NEVER(fchmod, FD("/disk.img"), N(04777)),
	NEVER(utimensat, CWD, PATH("other/secret"), N(0), N(0)),
	NEVER(setxattr, PATH("other/secret"), BYTES("user.x"), BYTES("y"), N(1), N(0)),
	NEVER(fsetxattr, FD("/disk.img"), BYTES("user.x"), BYTES("y"), N(1), N(0)),
	DENIED(OTHERS | BROKER | REPORTER, getdents64, FD("/disk.img"), ROOM(256), N(256)),
	CAN(SHARER, ANY, getdents64, "ENOTDIR", "the names in what is open", FD("/kernel"), ROOM(256), N(256)),
	NEVER(chdir, PATH("other")),
	NEVER(fchdir, N(0)),
	NEVER(chroot, PATH("other")),
	NEVER(mount, N(0), PATH("other"), BYTES("tmpfs"), N(0), N(0)),
	NEVER(umount2, PATH("other"), N(0)),
	NEVER(fsopen, BYTES("tmpfs"), N(0)),
	NEVER(open_tree, CWD, PATH("other"), N(0)),
	NEVER(move_mount, N(-1), BYTES(""), CWD, PATH("other"), N(0)),
	NEVER(pivot_root, PATH("other"), PATH("other")),
	NEVER(inotify_init1, N(0)),
	NEVER(fanotify_init, N(0), N(0)),
	NEVER(stat, PATH("other/secret"), ROOM(144)),
	NEVER(statx, CWD, PATH("other/secret"), N(0), N(0), ROOM(256)),
	NEVER(access, PATH("other/secret"), N(0)),
	NEVER(readlink, BYTES("/proc/self/exe"), ROOM(256), N(256)),
	NEVER(statfs, PATH("other"), ROOM(120)),
	NEVER(unlinkat, CWD, PATH("other/secret"), N(0)),
	NEVER(unlinkat, CWD, PATH("sock/near"), N(0)),
	NEVER(newfstatat, CWD, PATH("other/secret"), ROOM(144), N(0)),

	/*
	 * A share: names are looked up from a directory that is open, and Landlock opens nothing but the share; the
	 * attributes of what else there is it cannot deny.
	 */
	CAN(SHARER, ANY, openat2, "EACCES", "not outside of the share: Landlock",
		CWD, PATH("other/secret"), ROOM(24), N(24)),
	CAN(SHARER, ANY, statx, "ok", "attributes of any file that vmm's user could see", CWD, PATH("other/secret"),
		N(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT), N(0), ROOM(256)),
	CAN(SHARER, ANY, statx, "ok", "attributes of what is open", FD("/kernel"), BYTES(""), N(AT_EMPTY_PATH), N(0),
		ROOM(256)),
	DENIED(SHARER, openat2, CWD, PATH("other/secret"), ROOM(24), N(8)),
	DENIED(SHARER, openat, CWD, PATH("other/secret"), N(0)),
	CAN(SHARER, ANY, readlinkat, "EINVAL", "where any link leads", CWD, PATH("other/secret"), ROOM(64), N(64)),
	CAN(SHARER, ANY, fgetxattr, "ENODATA|EOPNOTSUPP|ENOTSUP", "an attribute of what is open", FD("/kernel"),
		BYTES("user.x"), ROOM(64), N(64)),
	CAN(SHARER, ANY, flistxattr, "ok|EOPNOTSUPP", "attributes of what is open", FD("/kernel"), ROOM(64), N(64)),
	CAN(SHARER, ANY, fstatfs, "ok", "the size of a file system", FD("/kernel"), ROOM(120)),

	/* Files that are open */
	CAN(DISK, ANY, pwritev2, "ok overwritten:disk.img|EBADF", "the guest may write its disk, unless it is `ro`",
		ITS(DISK), IOV("x"), N(1), N(8), N(0), N(0)),
	CAN(DISK, ANY, pwritev2, "ok overwritten:disk.img|EBADF", "durable at once, for a guest that flushes",
		ITS(DISK), IOV("x"), N(1), N(16), N(0), N(WRITE_DSYNC)),
	CAN(DISK, ANY, pwritev2, "EFBIG|EFBIG raised:XFSZ|EBADF", "no file becomes larger than any of them may be",
		ITS(DISK), IOV("x"), N(1), N(INT64_C(1) << 40), N(0), N(0)),
	NEVER(pwritev2, LOG, IOV("x"), N(1), N(0), N(0), N(0)),
	NEVER(pwritev2, LOG, IOV("x"), N(1), N(0), N(0), N(WRITE_NOAPPEND)),
	NEVER(pwritev2, CONSOLE, IOV("x"), N(1), N(0), N(0), N(WRITE_NOAPPEND)),
	NEVER(pwritev2, ITS(DISK), IOV("x"), N(1), N(0), N(0), N(WRITE_APPEND)),
	NEVER(pwritev2, ITS(DISK), IOV("x"), N(1), N(0), N(0), N(WRITE_NOAPPEND)),
	OWN(WRITER, ANY, pwrite64, "EBADF", "no core is being written", ITS(FILE), BYTES("x"), N(1), N(0)),
	NEVER(pwrite64, LOG, BYTES("x"), N(1), N(0)),
	NEVER(pwrite64, FD("/disk.img"), BYTES("x"), N(1), N(0)),
	NEVER(pwrite64, ITS(FILES), BYTES("x"), N(1), N(0)),
	OWN(WRITER, ANY, openat, "ok new:cores/x", "a new file in its directory",
		ITS(FILES), BYTES("x"), N(O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC), N(0600)),
	OWN(WRITER, ANY, openat, "ENOENT|EACCES", "not in another directory: an empty root, and Landlock",
		ITS(FILES), PATH("other/new"), N(O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC), N(0600)),
	OWN(WRITER, ANY, renameat, "ok gone:cores/x new:cores/y", "a name in its directory",
		ITS(FILES), BYTES("x"), ITS(FILES), BYTES("y")),
	OWN(WRITER, ANY, renameat, "ENOENT|EACCES", "not in another directory: an empty root, and Landlock",
		ITS(FILES), PATH("other/secret"), ITS(FILES), BYTES("y")),
	OWN(WRITER, ANY, unlinkat, "ok gone:cores/y", "a name in its directory", ITS(FILES), BYTES("y"), N(0)),
	OWN(WRITER, ANY, unlinkat, "ENOENT|EACCES", "not in another directory: an empty root, and Landlock",
		ITS(FILES), PATH("other/secret"), N(0)),
	CAN(WRITER, ANY, sysinfo, "ok", "how much memory the host has", ROOM(112)),
	CAN(WRITER, ANY, mincore, "ENOMEM", "what of its memory has been touched", N(0x10000), N(4096), ROOM(8)),
	NEVER(pwritev, LOG, IOV("x"), N(1), N(0)),
	OWN(DISK, ANY, preadv, "ok", "the guest may read its disk", ITS(DISK), IOV_ROOM(64), N(1), N(0)),
	DENIED((OTHERS & ~PROGRAM) | BROKER | REPORTER, preadv, LOG, IOV_ROOM(64), N(1), N(0)),
	DENIED((OTHERS & ~PROGRAM) | BROKER | REPORTER, preadv, FD("/kernel"), IOV_ROOM(64), N(1), N(0)),
	NOT_PROGRAM(SHARER, ANY, preadv, "EBADF", "open for writing", LOG, IOV_ROOM(64), N(1), N(0)),
	NOT_PROGRAM(SHARER, ANY, preadv, "ok", "what the machine was given", FD("/kernel"), IOV_ROOM(64), N(1), N(0)),
	OWN(PROGRAM, ANY, preadv, "ok", "the program itself, and its libraries",
		FD("/probe"), IOV_ROOM(64), N(1), N(0)),
	OWN(PROGRAM, ANY, preadv, "EBADF", "open for writing", LOG, IOV_ROOM(64), N(1), N(0)),
	OWN(PROGRAM, ANY, preadv, "ESPIPE|EINVAL", "nothing to read at a place",
		FD("[eventpoll]"), IOV_ROOM(64), N(1), N(0)),
	CAN(DISK, ANY, fallocate, "ok overwritten:disk.img|EBADF", "the guest discards",
		ITS(DISK), N(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), N(0), N(4096)),
	CAN(DISK, ANY, fallocate, "ok|ok overwritten:disk.img|EBADF", "the guest writes zeroes",
		ITS(DISK), N(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE), N(0), N(4096)),
	NEVER(fallocate, LOG, N(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), N(0), N(4)),
	NEVER(fallocate, CONSOLE, N(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), N(0), N(4)),
	NEVER(fallocate, LOG, N(0), N(0), N(4096)),
	NEVER(fallocate, ITS(DISK), N(0), N(0), N(81920)),
	NEVER(fallocate, ITS(DISK), N(FALLOC_FL_KEEP_SIZE), N(0), N(81920)),
	NEVER(fallocate, ITS(DISK), N(FALLOC_FL_COLLAPSE_RANGE), N(0), N(4096)),
	CAN(DISK, ANY, fdatasync, "ok", "a flush", ITS(DISK)),
	NEVER(fdatasync, LOG),
	OWN(WRITER, ANY, fsync, "ok", "a flush", ITS(FILES)),
	OWN(WRITER, ANY, fsync, "ok", "a flush", ITS(FILE)),
	NEVER(fsync, LOG),
	NEVER(fsync, FD("/disk.img")),
	NEVER(ftruncate, LOG, N(0)),
	NEVER(ftruncate, FD("/disk.img"), N(0)),
	NEVER(sync),
	DENIED((OTHERS & ~PROGRAM) | BROKER | REPORTER, lseek, LOG, N(0), N(0)),
	/* What a Linux program has: the streams of the command */
	OWN(PROGRAM, ANY, readv, "ok|blocks", "what the program may read", STDIN, IOV_ROOM(16), N(1)),
	OWN(PROGRAM, ANY, readv, "EBADF", "open for writing", LOG, IOV_ROOM(16), N(1)),
	OWN(PROGRAM, ANY, writev, "ok appended:console", "what the program may write", CONSOLE, IOV("x"), N(1)),
	OWN(PROGRAM, ANY, writev, "ok appended:log", "what the program may write", LOG, IOV("x"), N(1)),
	OWN(PROGRAM, ANY, lseek, "ok|ESPIPE", "the place in a stream", CONSOLE, N(0), N(SEEK_CUR)),
	OWN(PROGRAM, ANY, fstat, "ok", "what a stream is", CONSOLE, ROOM(144)),
	OWN(PROGRAM, ANY, fcntl, "ok", "how a stream is open", CONSOLE, N(F_GETFL)),
	OWN(PROGRAM, ANY, ioctl, "ok|ENOTTY", "how much there is to read", STDIN, N(FIONREAD), ROOM(4)),
	OWN(PROGRAM, ANY, clock_nanosleep, "ok", "sleeps", N(1), N(0), ROOM(16), N(0)),
	OWN(PROGRAM, ANY, getrandom, "ok", "random bytes", ROOM(8), N(8), N(0)),
	DENIED(PROGRAM, readv, FD("kvm-vm"), IOV_ROOM(16), N(1)),
	DENIED(PROGRAM, writev, FD("[eventpoll]"), IOV("x"), N(1)),
	DENIED(PROGRAM, fstat, FD("[eventpoll]"), ROOM(144)),
	DENIED(PROGRAM, newfstatat, CONSOLE, PATH("other/secret"), ROOM(144), N(AT_EMPTY_PATH)),
	NOT_PROGRAM(SHARER, ANY, lseek, "ok|ESPIPE", "moves where the next read without an offset begins",
		FD("/kernel"), N(0), N(0)),
	NEVER(sendfile, LOG, FD("/disk.img"), N(0), N(16)),
	NEVER(splice, STDIN, N(0), LOG, N(0), N(1), N(0)),
	NEVER(copy_file_range, FD("/disk.img"), N(0), LOG, N(0), N(16), N(0)),
	NEVER(flock, FD("/disk.img"), N(8)),
	NEVER(dup2, LOG, CONSOLE),
	NEVER(dup3, LOG, CONSOLE, N(0)),
	NEVER(dup3, LOG, CONSOLE, N(O_CLOEXEC)),
	/* The descriptor's number is restricted, not the file that it refers to: a core's first number is not known. */
	OWN(WRITER, ANY, dup3, "ok", "another file is what the number of the core stands for",
		LOG, ITS(FILE), N(O_CLOEXEC)),
	OWN(WRITER, ANY, pwrite64, "ok appended:log", "a false line in the log, behind what is there",
		ITS(FILE), BYTES("x"), N(1), N(0)),
	OWN(WRITER, ANY, dup3, "ok", "as it was", ITS(FILES), ITS(FILE), N(O_CLOEXEC)),
	NEVER(pidfd_getfd, N(-1), N(0), N(0)),
	CAN(LOOP, ANY, pread64, "ok", "what it was given", FD("/kernel"), ROOM(64), N(64), N(0)),
	CAN(LOOP, ANY, pread64, "ok", "what it was given", FD("/disk.img"), ROOM(64), N(64), N(0)),
	CAN(LOOP, ANY, pread64, "EBADF", "open for writing", LOG, ROOM(64), N(64), N(0)),
	CAN(LOOP | DISK | SHARER | VIRTIO | DEBUGGER | WRITER, ANY, read, "EBADF", "open for writing",
		LOG, ROOM(64), N(64)),
	CAN(LOOP | DISK | SHARER | VIRTIO | DEBUGGER | WRITER, ANY, read, "ok", "what it was given",
		FD("/disk.img"), ROOM(64), N(64)),
	NOT_PROGRAM(LOOP, ON(FILES), fcntl, "ok", "reads flags", LOG, N(F_GETFL)),
	CAN(LOOP, ON(FILES), fcntl, "ok|ok flags:stdin|EBADF", "O_NONBLOCK of a stream that is no file",
		ITS(STREAM), N(F_SETFL), N(0)),
	NEVER(fcntl, LOG, N(F_SETFL), N(0)),
	NEVER(fcntl, CONSOLE, N(F_SETFL), N(0)),
	DENIED(DISK, fcntl, ITS(DISK), N(F_SETFL), N(O_DIRECT)),
	CAN(LOOP, ON(SOCKET), fcntl, "ok", "a second number for what is open", LOG, N(F_DUPFD_CLOEXEC), N(3)),
	NEVER(fcntl, LOG, N(F_SETOWN), VICTIM),
	NEVER(fcntl, LOG, N(F_SETSIG), N(SIGKILL)),
	NEVER(fcntl, FD("/disk.img"), N(F_OFD_SETLK), ROOM(32)),
	NEVER(fcntl, FD("/disk.img"), N(F_SETLEASE), N(F_WRLCK)),
	NEVER(fcntl, FD("/disk.img"), N(F_NOTIFY), N(1)),
	CAN(LOOP | SHARER | DEBUGGER | WRITER, ANY, close, "EBADF", "what the process has open, and no other", N(9999)),
	CAN(VIRTIO, ON(VSOCK), close, "EBADF", "what the process has open, and no other", N(9999)),
	NEVER(close_range, N(0), N(9999), N(0)),
	CAN(LOOP, ANY, epoll_wait, "ok", "asks", FD("[eventpoll]"), ROOM(64), N(1), N(0)),
	CAN(DISK | SHARER | VIRTIO | DEBUGGER | WRITER, ANY, epoll_wait, "ok", "asks",
		FD("[eventpoll]"), ROOM(64), N(1), N(0)),
	CAN(LOOP | DEBUGGER, ANY, epoll_ctl, "EPERM", "a file is never waited for",
		FD("[eventpoll]"), N(EPOLL_CTL_ADD), LOG, ROOM(16)),
	CAN(VIRTIO, ON(TAP) | ON(PASST) | ON(VSOCK), epoll_ctl, "EPERM", "a file is never waited for",
		FD("[eventpoll]"), N(EPOLL_CTL_ADD), LOG, ROOM(16)),
	CAN(LOOP | PROGRAM, ANY, ppoll, "ok", "asks", N(0), N(0), ROOM(16), N(0), N(0)),
	CAN(LOOP | VIRTIO, ANY, timerfd_settime, "ok", "a timer of its own", FD("[timerfd]"), N(0), ROOM(32), N(0)),
	CAN(PROGRAM, ANY, timerfd_settime, "ok|killed", "its timer, no other", FD("[timerfd]"), N(0), ROOM(32), N(0)),
	CAN(LOOP | VIRTIO, ANY, timerfd_settime, "EINVAL", "no timer", LOG, N(0), ROOM(32), N(0)),
	NEVER(timerfd_create, N(1), N(0)),
	NEVER(eventfd2, N(0), N(0)),
	NEVER(pipe2, ROOM(8), N(0)),
	NEVER(vmsplice, CONSOLE, IOV("x"), N(1), N(0)),
	NEVER(io_uring_setup, N(1), ROOM(120)),
	NEVER(io_setup, N(1), ROOM(8)),
	NEVER(bpf, N(0), ROOM(64), N(64)),
	NEVER(perf_event_open, ROOM(128), N(0), N(-1), N(-1), N(0)),

	/* Sockets */
	NEVER(socket, N(AF_UNIX), N(SOCK_STREAM | SOCK_NONBLOCK), N(0)),
	NEVER(connect, N(0), UNIX("other/unix.sock"), N(UN)),
	NEVER(connect, N(0), ABSTRACT, N(UN)),
	NEVER(connect, N(0), TCP, N(16)),
	NEVER(socket, N(AF_UNIX), N(SOCK_DGRAM), N(0)),
	NEVER(socket, N(AF_UNIX), N(SOCK_SEQPACKET), N(0)),
	NEVER(socket, N(AF_INET), N(SOCK_STREAM), N(0)),
	NEVER(socket, N(AF_INET), N(SOCK_DGRAM), N(0)),
	NEVER(socket, N(AF_INET6), N(SOCK_STREAM), N(0)),
	NEVER(socket, N(AF_NETLINK), N(SOCK_RAW), N(0)),
	NEVER(socket, N(AF_PACKET), N(SOCK_RAW), N(0)),
	NEVER(socket, N(AF_VSOCK), N(SOCK_STREAM), N(0)),
	NEVER(socket, N(AF_ALG), N(SOCK_SEQPACKET), N(0)),
	NEVER(socketpair, N(AF_UNIX), N(SOCK_STREAM), N(0), ROOM(8)),
	NEVER(bind, KEPT, UNIX("other/new"), N(UN)),
	NEVER(listen, KEPT, N(1)),
	NEVER(setsockopt, KEPT, N(SOL_SOCKET), N(SO_REUSEADDR), ROOM(4), N(4)),
	NEVER(getsockopt, KEPT, N(SOL_SOCKET), N(SO_PEERCRED), ROOM(12), ROOM(4)),
	NEVER(getpeername, KEPT, ROOM(128), ROOM(4)),
	NEVER(sendmsg, KEPT, ROOM(56), N(0)),
	NEVER(sendmmsg, KEPT, ROOM(64), N(1), N(0)),
	CAN(LOOP, ON(STREAM) | ON(GDB), sendto, "ENOTSOCK", "a file is no socket",
		LOG, BYTES("x"), N(1), N(MSG_DONTWAIT | MSG_NOSIGNAL), N(0), N(0)),
	CAN(DEBUGGER, ANY, sendto, "ENOTSOCK", "a file is no socket",
		LOG, BYTES("x"), N(1), N(MSG_DONTWAIT | MSG_NOSIGNAL), N(0), N(0)),
	CAN(VIRTIO, ON(VSOCK), sendto, "ENOTSOCK", "a file is no socket",
		LOG, BYTES("x"), N(1), N(MSG_DONTWAIT | MSG_NOSIGNAL), N(0), N(0)),
	NEVER(sendto, LOG, BYTES("x"), N(1), N(0), N(0), N(0)),
	NEVER(sendto, LOG, BYTES("x"), N(1), N(MSG_DONTWAIT | MSG_NOSIGNAL), UNIX("other/dgram.sock"), N(UN)),
	CAN(DEBUGGER, ANY, recvfrom, "ENOTSOCK", "a file is no socket",
		LOG, ROOM(16), N(1), N(MSG_DONTWAIT), N(0), N(0)),
	CAN(LOOP, ON(STREAM), recvfrom, "ENOTSOCK", "a file is no socket",
		LOG, ROOM(16), N(1), N(MSG_DONTWAIT), N(0), N(0)),
	CAN(VIRTIO, ON(VSOCK), recvmsg, "ENOTSOCK", "a file is no socket", LOG, ROOM(56), N(MSG_DONTWAIT)),
	CAN(LOOP, ON(SOCKET), accept4, "ENOTSOCK", "a file is no socket",
		LOG, N(0), N(0), N(SOCK_CLOEXEC | SOCK_NONBLOCK)),
	CAN(DEBUGGER, ANY, accept4, "ENOTSOCK", "a file is no socket",
		LOG, N(0), N(0), N(SOCK_CLOEXEC | SOCK_NONBLOCK)),
	CAN(VIRTIO, ON(VSOCK), accept4, "ENOTSOCK", "a file is no socket",
		LOG, N(0), N(0), N(SOCK_CLOEXEC | SOCK_NONBLOCK)),
	NEVER(accept4, LOG, N(0), N(0), N(0)),
	CAN(VIRTIO, ON(VSOCK), shutdown, "ENOTSOCK", "a file is no socket", LOG, N(SHUT_WR)),
	NEVER(shutdown, LOG, N(SHUT_RDWR)),
	NOT_PROGRAM(VIRTIO, ON(TAP) | ON(VSOCK), readv, "EBADF", "open for writing", LOG, IOV_ROOM(16), N(1)),
	NOT_PROGRAM(VIRTIO, ON(TAP) | ON(PASST), writev, "ok appended:log",
		"a false line in the log, behind what is there", LOG, IOV("x"), N(1)),
	CAN(VIRTIO, ON(TAP) | ON(PASST), writev, "EBADF", "open for reading", FD("/kernel"), IOV("x"), N(1)),

	/* Other processes and threads */
	CAN(LOOP, ANY, tgkill, "ok", "kicks a vCPU", SELF, THREAD, N(KICK_SIGNAL)),
	CAN(LOOP, ANY, tgkill, "ESRCH", "a thread of another process", SELF, VICTIM, N(KICK_SIGNAL)),
	CAN(LOOP, ON(TERMINAL), tgkill, "ok", "a signal to its own process", SELF, THREAD, N(0)),
	NEVER(tgkill, VICTIM, VICTIM, N(SIGUSR1)),
	NEVER(tgkill, VICTIM, VICTIM, N(KICK_SIGNAL)),
	NEVER(kill, VICTIM, N(SIGUSR1)),
	NEVER(kill, N(-1), N(SIGUSR1)),
	NEVER(tkill, VICTIM, N(SIGUSR1)),
	NEVER(rt_sigqueueinfo, VICTIM, N(SIGUSR1), ROOM(128)),
	NEVER(pidfd_open, VICTIM, N(0)),
	NEVER(pidfd_send_signal, N(-1), N(SIGUSR1), N(0), N(0)),
	NEVER(ptrace, N(16), VICTIM, N(0), N(0)),
	NEVER(clone, N(SIGCHLD), N(0), N(0), N(0), N(0)),
	NEVER(clone3, ROOM(88), N(88)),
	NEVER(fork),
	NEVER(vfork),
	NEVER(execve, BYTES("/bin/sh"), N(0), N(0)),
	NEVER(execveat, N(-1), BYTES("/bin/sh"), N(0), N(0), N(0)),
	CAN(LOOP, ON(PASST) | ON(REPORT) | ON(SOCKET) | ON(VSOCK), wait4, "ok|ECHILD", "asks for the end of a child",
		N(-1), N(0), N(1), N(0)),
	NEVER(waitid, N(0), N(0), ROOM(128), N(1)),
	NEVER(setpgid, VICTIM, N(0)),
	NEVER(setpriority, N(0), VICTIM, N(-20)),
	NEVER(prlimit64, VICTIM, N(7), ROOM(16), N(0)),
	NEVER(prlimit64, N(0), N(7), ROOM(16), N(0)),
	NEVER(setrlimit, N(7), ROOM(16)),
	NEVER(sched_setaffinity, VICTIM, N(8), ROOM(8)),
	NEVER(sched_setscheduler, VICTIM, N(SCHED_BATCH), ROOM(4)),
	NEVER(sched_setscheduler, N(0), N(SCHED_FIFO), ROOM(4)),
	NEVER(sched_setscheduler, N(0), N(SCHED_IDLE), ROOM(4)),
	CAN(VIRTIO, ON(TAP) | ON(PASST), sched_setscheduler, "ok", "its own thread", N(0), N(SCHED_BATCH), ROOM(4)),
	CAN(VIRTIO, ON(TAP) | ON(PASST), sched_setscheduler, "ok", "its own thread", N(0), N(SCHED_OTHER), ROOM(4)),
	NEVER(ioprio_set, N(1), VICTIM, N(0)),
	NEVER(migrate_pages, VICTIM, N(1), ROOM(8), ROOM(8)),

	/* Ways back out of the sandbox */
	NEVER(prctl, N(PR_SET_DUMPABLE), N(1), N(0), N(0), N(0)),
	NEVER(prctl, N(PR_SET_SECCOMP), N(0), N(0), N(0), N(0)),
	NEVER(prctl, N(PR_SET_NO_NEW_PRIVS), N(0), N(0), N(0), N(0)),
	NEVER(prctl, N(PR_SET_PTRACER), N(-1), N(0), N(0), N(0)),
	NEVER(prctl, N(PR_SET_PDEATHSIG), N(0), N(0), N(0), N(0)),
	NEVER(arch_prctl, N(0x1002), N(0)),
	NEVER(seccomp, N(1), N(0), ROOM(16)),
	NEVER(capset, ROOM(8), ROOM(24)),
	NEVER(setuid, N(0)),
	NEVER(setresuid, N(0), N(0), N(0)),
	NEVER(setgroups, N(0), N(0)),
	NEVER(setns, N(-1), N(0)),
	NEVER(unshare, N(CLONE_NEWUSER)),
	NEVER(landlock_restrict_self, N(-1), N(0)),
	NEVER(personality, N(0x0040000)),
	NEVER(rt_sigaction, N(SIGSYS), N(0), N(0), N(8)),
	NEVER(sigaltstack, N(0), ROOM(24)),
	NEVER(keyctl, N(0), N(0), N(0), N(0), N(0)),
	NEVER(add_key, BYTES("user"), BYTES("x"), BYTES("y"), N(1), N(-2)),
	NEVER(modify_ldt, N(1), ROOM(16), N(16)),
	NEVER(iopl, N(3)),
	NEVER(ioperm, N(0), N(1), N(1)),
	NEVER(reboot, N(0), N(0), N(0), N(0)),
	NEVER(syslog, N(3), ROOM(64), N(64)),
	NEVER(settimeofday, ROOM(16), N(0)),
	NEVER(clock_settime, N(0), ROOM(16)),
	NEVER(sethostname, BYTES("x"), N(1)),
	NEVER(init_module, ROOM(16), N(16), BYTES("")),

	/* ioctl: numbers on descriptors that are not theirs */
	CAN(VCPU | PROGRAM, ANY, ioctl, "EINVAL", "its own CPU, with an argument that KVM refuses",
		ITS(VCPU), N(KVM_RUN), N(1)),
	OWN(VCPU, ANY, ioctl, "ok", "reads registers of its own CPU", ITS(VCPU), N(KVM_GET_REGS), ROOM(144)),
	OWN(VCPU | PROGRAM, ANY, ioctl, "ok", "reads the state of its own CPU",
		ITS(VCPU), N(KVM_GET_MP_STATE), ROOM(4)),
	OWN(VCPU | PROGRAM, ANY, ioctl, "ok", "reads no register of its own CPU", ITS(VCPU), N(KVM_GET_MSRS), ROOM(8)),
	OWN(PROGRAM, ANY, ioctl, "ok", "sets no register of its own CPU", ITS(VCPU), N(KVM_SET_MSRS), ROOM(8)),
	OWN(VCPU, ON(FLAT) | ON(GDB), ioctl, "ok", "reads registers of its own CPU",
		ITS(VCPU), N(KVM_GET_SREGS), ROOM(312)),
	OWN(VCPU, ON(GDB), ioctl, "ok", "breakpoints of its own CPU", ITS(VCPU), N(KVM_SET_GUEST_DEBUG), ROOM(72)),
	CAN(VCPU, ON(PIT), ioctl, "ok|EEXIST", "the machine's interval timer", ITS(VM), N(KVM_CREATE_PIT2), ROOM(64)),
	CAN(VCPU, ON(PIT), ioctl, "ok", "the machine's interval timer", ITS(VM), N(KVM_SET_PIT2), ROOM(112)),
	/* It waits until there is no reader of the interrupt masks, which takes long on a busy host. */
	CAN(VCPU, ON(PIT), ioctl, "ok|blocks", "the machine's interval timer", ITS(VM), N(KVM_REINJECT_CONTROL),
		ROOM(32)),
	NEVER(ioctl, FD("/disk.img"), N(KVM_RUN), N(0)),
	NEVER(ioctl, FD("kvm-vm"), N(KVM_RUN), N(0)),
	NEVER(ioctl, LOG, N(KVM_CREATE_PIT2), ROOM(64)),
	CAN(LOOP | DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_GET_REGS), ROOM(144)),
	CAN(LOOP | DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_GET_MP_STATE), ROOM(4)),
	CAN(LOOP | DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_GET_SREGS), ROOM(256)),
	CAN(LOOP, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_KVMCLOCK_CTRL), N(0)),
	CAN(DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_SET_REGS), ROOM(144)),
	CAN(DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_SET_SREGS), ROOM(312)),
	CAN(DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_GET_FPU), ROOM(416)),
	CAN(DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_SET_FPU), ROOM(416)),
	CAN(DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_GET_MSRS), ROOM(8)),
	CAN(LOOP, ON(CORE), ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_GET_MSRS), ROOM(8)),
	CAN(DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_SET_MSRS), ROOM(8)),
	CAN(DEBUGGER, ANY, ioctl, "ENOTTY", "a file has no such request", LOG, N(KVM_SET_GUEST_DEBUG), ROOM(72)),
	CAN(EVERY, ON(TERMINAL), ioctl, "ENOTTY", "a file is no terminal", LOG, N(TCSETS), ROOM(60)),
	CAN(EVERY, ON(TERMINAL), ioctl, "ENOTTY", "a file is no terminal", LOG, N(TIOCGPGRP), ROOM(4)),
	CAN(LOOP, ON(TERMINAL), ioctl, "ENOTTY", "a file is no terminal", LOG, N(TCGETS), ROOM(60)),
	CAN(LOOP, ON(PTY), ioctl, "ENOTTY", "a file is no terminal", LOG, N(TIOCGPTPEER), N(0)),
	NOT_PROGRAM(LOOP, ON(PTY), ioctl, "ok", "how much there is to read", LOG, N(FIONREAD), ROOM(4)),
	CAN(VIRTIO, ON(TAP), ioctl, "ENOTTY", "a file is no network interface", LOG, N(TUNSETOFFLOAD), N(0)),
	NEVER(ioctl, FD("kvm-vm"), N(KVM_CREATE_VM), N(0)), /* /dev/kvm is closed */
	NEVER(ioctl, FD("kvm-vm"), N(KVM_CREATE_VCPU), N(7)),
	NEVER(ioctl, FD("kvm-vm"), N(KVM_SET_USER_MEMORY_REGION), ROOM(32)),
	NEVER(ioctl, FD("kvm-vm"), N(KVM_CREATE_DEVICE), ROOM(16)),
	NEVER(ioctl, FD("kvm-vm"), N(KVM_IOEVENTFD), ROOM(64)),
	NEVER(ioctl, FD("kvm-vm"), N(KVM_IRQFD), ROOM(32)),
	DENIED(LOOP | DISK | SHARER | VIRTIO | VCPU | PROGRAM | WRITER | BROKER | REPORTER, ioctl,
		FD("kvm-vcpu:0"), N(KVM_SET_REGS), ROOM(144)),
	NEVER(ioctl, STDIN, N(TIOCSTI), BYTES("x")),
	NEVER(ioctl, STDIN, N(TIOCLINUX), BYTES("\3")),
	NEVER(ioctl, STDIN, N(TIOCSETD), ROOM(4)),
	NEVER(ioctl, STDIN, N(TIOCSPGRP), ROOM(4)),
	NEVER(ioctl, LOG, N(FIOASYNC), ROOM(4)),
	NEVER(ioctl, FD("/disk.img"), N(0x40049409), LOG), /* FICLONE */
	NEVER(ioctl, FD("/disk.img"), N(0x40086602), ROOM(8)), /* FS_IOC_SETFLAGS */
	NEVER(ioctl, FD("/net/tun"), N(TUNSETIFF), ROOM(40)),
	NEVER(ioctl, FD("/net/tun"), N(TUNSETPERSIST), N(1)),
	NEVER(ioctl, FD("/net/tun"), N(TUNSETOWNER), N(0)),

	/* What a process beside vmm waits for */
	ENDS(EVERY, ANY, write,
		"ok|ok new:report|ok gone:sock/vsock|ok gone:sock/console|ok gone:sock/gdb|ENOTCONN|EPIPE raised:PIPE",
		"the report is put into its place too early, and empty; the socket's path is removed too early",
		FD("socket:["), BYTES("\1"), N(1)),
	/* What waits beside vmm: it hears a byte, or the number of a port, and runs no code of the guest's */
	ENDS(REPORTER | BROKER, ANY, read, "blocks", "what vmm says", N(0), ROOM(8), N(8)),
	DENIED(REPORTER | BROKER, read, N(1), ROOM(8), N(8)),
	OWN(REPORTER, ANY, getrandom, "ok", "random bytes", ROOM(8), N(8), N(0)),
	OWN(REPORTER, ANY, write, "ok", "what vmm reads as the result", N(0), BYTES("\1"), N(4)),
	OWN(REPORTER, ANY, linkat, "EACCES|EXDEV", "Landlock: nothing of another directory is linked",
		CWD, PATH("/proc/version"), N(1), BYTES("new"), N(0)),
	OWN(REPORTER, ANY, renameat, "ENOENT", "names in the report's directory", N(1), BYTES("x"), N(1), BYTES("y")),
	DENIED(REPORTER | BROKER, renameat, CWD, PATH("other/secret"), N(1), BYTES("y")),
	OWN(REPORTER, ANY, unlinkat, "ENOENT|EACCES", "names in the report's directory", N(1), BYTES("x"), N(0)),
	OWN(REPORTER, ANY, unlinkat, "EACCES", "Landlock: not in another directory", N(1), PATH("/proc/version"), N(0)),
	OWN(BROKER, ANY, unlinkat, "EACCES", "Landlock: not in another directory", N(1), PATH("other/secret"), N(0)),
	OWN(BROKER, ANY, newfstatat, "ok", "it may look at what it may not open",
		N(1), PATH("other/secret"), ROOM(144), N(AT_SYMLINK_NOFOLLOW)),
	OWN(BROKER, ON(VSOCK), openat, "ok", "to look at: neither to read nor to write",
		N(1), PATH("other/secret"), N(O_PATH | O_NOFOLLOW | O_CLOEXEC)),
	OWN(BROKER, ANY, close, "ok|EBADF", "its own", N(3)),
	DENIED(REPORTER | BROKER, openat, N(1), PATH("other/secret"), N(O_RDONLY)),
	DENIED(REPORTER | BROKER, openat, CWD, PATH("other/secret"), N(O_PATH | O_NOFOLLOW | O_CLOEXEC)),
	OWN(BROKER, ON(VSOCK), socket, "ok", "to connect",
		N(AF_UNIX), N(SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK), N(0)),
	OWN(BROKER, ON(VSOCK), connect, "EBADF|ENOTSOCK", "what it has made itself",
		N(5), UNIX("other/unix.sock"), N(UN)),
	OWN(BROKER, ON(VSOCK), close, "EBADF|ok", "its own", N(5)),
	OWN(BROKER, ANY, close, "ok|EBADF", "its own", N(3)),
	OWN(BROKER, ANY, sendmsg, "EFAULT|ok", "an answer to vmm", N(0), N(1), N(MSG_NOSIGNAL)),
	DENIED(BROKER, sendmsg, N(0), ROOM(56), N(MSG_DONTWAIT)),

	/* The end */
	CAN(DISK | SHARER | VIRTIO | VCPU | PROGRAM | DEBUGGER | WRITER, ANY, rt_sigprocmask, "ok", "its own signals",
		N(0), N(0), N(0), N(8)),
	ENDS(EVERY, ANY, exit_group, "ended|ended gone:sock/vsock|ended gone:sock/console|ended gone:sock/gdb",
		"the machine ends, and the broker with it", N(1)),
	ENDS(REPORTER, ANY, exit_group, "ended", "there is no report", N(1)),
	ENDS(BROKER, ANY, exit_group, "ended", "the guest's connections are refused; the path stays", N(1)),
	ENDS(DISK | SHARER | VIRTIO | VCPU | PROGRAM | DEBUGGER | WRITER, ANY, exit, "ended",
		"the thread ends, and its device with it", N(0)),
	ENDS(EVERY, ANY, rt_sigreturn,
		"ok|ok raised:SEGV|ended|ok raised:SEGV gone:sock/vsock|ok raised:SEGV gone:sock/console|"
		"ok raised:SEGV gone:sock/gdb",
		"registers of its own", N(0)),
};
/* clang-format on */

const size_t inject_rows_nr = sizeof(inject_rows) / sizeof(inject_rows[0]);
