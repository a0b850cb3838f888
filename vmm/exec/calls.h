/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of a program, one row each: dispatch, --trace-calls, the manual and the tests are views of this
 * table. A call without a row, or with the handler `missing`, fails with ENOSYS.
 *
 * CALL(name, arguments, handler, how it differs from Linux, or why it is missing)
 *
 * Arguments, one letter each, for --trace-calls: d signed, u unsigned, x hexadecimal or a pointer, o octal, s a string,
 * b a buffer whose length is the next argument, B one whose length is the result, p rights of memory, m flags of mmap.
 */
#ifndef VMM_EXEC_CALLS_H
#define VMM_EXEC_CALLS_H

/* clang-format off */
#define EXEC_CALLS(CALL) \
	CALL(read, "dBu", read, "") \
	CALL(write, "dbu", write, "") \
	CALL(open, "sxo", open, "no FIFOs, sockets or devices of the host; no O_DIRECT, no O_TMPFILE") \
	CALL(close, "d", close, "the command's own stream stays open") \
	CALL(stat, "sx", stat, "") \
	CALL(fstat, "dx", fstat, "") \
	CALL(lstat, "sx", lstat, "") \
	CALL(poll, "xud", poll, "") \
	CALL(lseek, "ddd", lseek, "what is in memory has no holes") \
	CALL(mmap, "xupmdx", mmap, "read when it is mapped, later changes are not seen; none is shared and writable") \
	CALL(mprotect, "xup", mprotect, "changes nothing when a part is not mapped") \
	CALL(munmap, "xu", munmap, "") \
	CALL(brk, "x", brk, "") \
	CALL(rt_sigaction, "dxxu", rt_sigaction, "") \
	CALL(rt_sigprocmask, "dxxu", rt_sigprocmask, "") \
	CALL(ioctl, "dxx", ioctl, "a stream answers as a pipe does") \
	CALL(pread64, "dBud", pread64, "") \
	CALL(readv, "dxu", readv, "") \
	CALL(writev, "dxu", writev, "") \
	CALL(access, "so", access, "what vmm itself may do") \
	CALL(sched_yield, "", sched_yield, "") \
	CALL(mremap, "xuuxx", mremap, "") \
	CALL(msync, "xud", mapped, "") \
	CALL(madvise, "xud", madvise, "advice that is not followed is accepted, also for what came from a file") \
	CALL(dup, "d", dup, "") \
	CALL(dup2, "dd", dup2, "") \
	CALL(pause, "", pause, "") \
	CALL(nanosleep, "xx", nanosleep, "") \
	CALL(alarm, "u", alarm, "") \
	CALL(getitimer, "dx", getitimer, "CPU times are those of vmm for it, too") \
	CALL(setitimer, "dxx", setitimer, "as getitimer") \
	CALL(timer_create, "dxx", timer_create, "32 at most") \
	CALL(timer_settime, "dxxx", timer_settime, "") \
	CALL(timer_gettime, "dx", timer_gettime, "") \
	CALL(timer_getoverrun, "d", timer_getoverrun, "") \
	CALL(timer_delete, "d", timer_delete, "") \
	CALL(timerfd_create, "dx", timerfd_create, "64 at most") \
	CALL(getpid, "", getpid, "2") \
	CALL(socket, "ddd", missing, "there is no network") \
	CALL(socketpair, "dddx", missing, "there is no network") \
	CALL(clone, "xxxxx", clone, "threads alone, 256 at most: a program has no children") \
	CALL(fork, "", missing, "a program has no children") \
	CALL(vfork, "", missing, "a program has no children") \
	CALL(execve, "sxx", missing, "a program has no children") \
	CALL(exit, "d", exit, "") \
	CALL(wait4, "dxdx", wait4, "there are no children") \
	CALL(kill, "dd", kill, "the program itself is all there is") \
	CALL(uname, "x", uname, "Linux 6.1.0") \
	CALL(fcntl, "ddx", fcntl, "locks are those of open files; F_SETFL changes O_NONBLOCK alone") \
	CALL(getcwd, "xu", getcwd, "") \
	CALL(chdir, "s", chdir, "") \
	CALL(readlink, "ssu", readlink, "") \
	CALL(umask, "o", umask, "") \
	CALL(gettimeofday, "xx", gettimeofday, "") \
	CALL(getrlimit, "dx", getrlimit, "") \
	CALL(getrusage, "dx", getrusage, "times alone") \
	CALL(sysinfo, "x", sysinfo, "the memory of --mem") \
	CALL(times, "x", times, "") \
	CALL(getuid, "", getid, "65534") \
	CALL(getgid, "", getid, "65534") \
	CALL(geteuid, "", getid, "65534") \
	CALL(getegid, "", getid, "65534") \
	CALL(setpgid, "dd", setpgid, "itself alone") \
	CALL(getppid, "", getppid, "1") \
	CALL(getpgrp, "", getpid, "2") \
	CALL(setsid, "", setsid, "is the leader of its group already") \
	CALL(getgroups, "dx", zero, "none") \
	CALL(getpgid, "d", of_itself, "2") \
	CALL(getsid, "d", of_itself, "2") \
	CALL(rt_sigpending, "xu", rt_sigpending, "") \
	CALL(rt_sigreturn, "", rt_sigreturn, "") \
	CALL(rt_sigsuspend, "xu", rt_sigsuspend, "") \
	CALL(rt_sigtimedwait, "xxxu", rt_sigtimedwait, "") \
	CALL(rt_sigqueueinfo, "ddx", rt_sigqueueinfo, "256 at most; of the details, the first 16 bytes") \
	CALL(rt_tgsigqueueinfo, "dddx", rt_tgsigqueueinfo, "as rt_sigqueueinfo") \
	CALL(signalfd, "dxu", signalfd, "sees no signals of the host, as all of the program") \
	CALL(signalfd4, "dxux", signalfd4, "as signalfd") \
	CALL(sigaltstack, "xx", sigaltstack, "") \
	CALL(mlock, "xu", mapped, "") \
	CALL(munlock, "xu", mapped, "") \
	CALL(prctl, "dxxxx", prctl, "name and dumpable alone") \
	CALL(arch_prctl, "xx", arch_prctl, "") \
	CALL(gettid, "", gettid, "") \
	CALL(tkill, "dd", tkill, "the program itself is all there is") \
	CALL(time, "x", time, "") \
	CALL(futex, "xddxxd", futex, "nothing inherits a priority; no requeueing to a mutex that would") \
	CALL(sched_getaffinity, "dux", sched_getaffinity, "one CPU") \
	CALL(getdents64, "dxu", getdents64, "a mount is listed only where the host has something of that name") \
	CALL(set_tid_address, "x", set_tid_address, "") \
	CALL(clock_gettime, "dx", clock_gettime, "") \
	CALL(clock_getres, "dx", clock_getres, "") \
	CALL(clock_nanosleep, "ddxx", clock_nanosleep, "") \
	CALL(exit_group, "d", exit_group, "") \
	CALL(tgkill, "ddd", tgkill, "the program itself is all there is") \
	CALL(openat, "dsxo", openat, "as open") \
	CALL(newfstatat, "dsxx", newfstatat, "") \
	CALL(readlinkat, "dssu", readlinkat, "") \
	CALL(faccessat, "dso", faccessat, "what vmm itself may do") \
	CALL(ppoll, "xuxxu", ppoll, "") \
	CALL(set_robust_list, "xu", set_robust_list, "") \
	CALL(pipe2, "xx", pipe2, "in memory, 64 at most") \
	CALL(pipe, "x", pipe, "in memory, 64 at most") \
	CALL(dup3, "ddx", dup3, "") \
	CALL(prlimit64, "ddxx", prlimit64, "limits are set and have no effect") \
	CALL(getcpu, "xxx", getcpu, "CPU 0") \
	CALL(getrandom, "Bux", getrandom, "") \
	CALL(execveat, "dsxxx", missing, "a program has no children") \
	CALL(statx, "dsxxx", statx, "no time of birth") \
	CALL(rseq, "xuxx", missing, "there is one CPU, and no notice of preemption") \
	CALL(clone3, "xu", clone3, "as clone") \
	CALL(faccessat2, "dsox", faccessat2, "what vmm itself may do") \
	CALL(creat, "so", creat, "below --rw and --tmp") \
	CALL(pwrite64, "dbud", pwrite64, "not to a stream") \
	CALL(preadv, "dxud", preadv, "") \
	CALL(pwritev, "dxud", pwritev, "not to a stream") \
	CALL(sendfile, "ddxu", sendfile, "from a file") \
	CALL(copy_file_range, "dxdxux", copy_file_range, "copies the bytes") \
	CALL(select, "dxxxx", select, "what is left of the time is not written back") \
	CALL(pselect6, "dxxxxx", pselect6, "") \
	CALL(fchdir, "d", fchdir, "") \
	CALL(mkdir, "so", mkdir, "below --rw and --tmp") \
	CALL(mkdirat, "dso", mkdirat, "below --rw and --tmp") \
	CALL(rmdir, "s", rmdir, "below --rw and --tmp") \
	CALL(unlink, "s", unlink, "below --rw and --tmp") \
	CALL(unlinkat, "dsx", unlinkat, "below --rw and --tmp") \
	CALL(rename, "ss", rename, "below --rw and --tmp") \
	CALL(renameat, "dsds", renameat, "below --rw and --tmp") \
	CALL(renameat2, "dsdsx", renameat2, "below --rw and --tmp; no exchange") \
	CALL(link, "ss", link, "below --rw") \
	CALL(linkat, "dsdsx", linkat, "below --rw") \
	CALL(symlink, "ss", symlink, "below --rw and --tmp") \
	CALL(symlinkat, "sds", symlinkat, "below --rw and --tmp") \
	CALL(chmod, "so", chmod, "below --rw and --tmp; no set-user-ID, no set-group-ID") \
	CALL(fchmod, "do", fchmod, "as chmod") \
	CALL(fchmodat, "dso", fchmodat, "as chmod") \
	CALL(chown, "sdd", chown, "to the owner and group that it has") \
	CALL(fchown, "ddd", fchown, "as chown") \
	CALL(lchown, "sdd", lchown, "as chown") \
	CALL(fchownat, "dsddx", fchownat, "as chown") \
	CALL(truncate, "su", truncate, "below --rw and --tmp") \
	CALL(ftruncate, "du", ftruncate, "") \
	CALL(utimensat, "dsxx", utimensat, "below --rw and --tmp; of a symbolic link they stay") \
	CALL(utimes, "sx", utimes, "below --rw and --tmp") \
	CALL(futimesat, "dsx", futimesat, "below --rw and --tmp") \
	CALL(mknod, "sox", missing, "no FIFOs, sockets or devices are made") \
	CALL(mknodat, "dsox", missing, "no FIFOs, sockets or devices are made") \
	CALL(fsync, "d", fsync, "") \
	CALL(fdatasync, "d", fdatasync, "") \
	CALL(fallocate, "ddud", fallocate, "of files below --rw") \
	CALL(fadvise64, "dudd", of_file, "advice is not followed") \
	CALL(sync_file_range, "dudx", of_file, "does nothing") \
	CALL(flock, "dd", flock, "") \
	CALL(statfs, "sx", statfs, "") \
	CALL(fstatfs, "dx", fstatfs, "not of a stream") \
	CALL(close_range, "uux", close_range, "") \
	CALL(getxattr, "ssxu", getxattr, "those of users (user.), of files of the host") \
	CALL(lgetxattr, "ssxu", lgetxattr, "as getxattr") \
	CALL(fgetxattr, "dsxu", fgetxattr, "as getxattr") \
	CALL(listxattr, "sxu", listxattr, "as getxattr") \
	CALL(llistxattr, "sxu", llistxattr, "as getxattr") \
	CALL(flistxattr, "dxu", flistxattr, "as getxattr") \
	CALL(eventfd, "u", eventfd, "") \
	CALL(eventfd2, "ux", eventfd2, "") \
	CALL(epoll_create, "d", epoll_create, "16 at most") \
	CALL(epoll_create1, "x", epoll_create1, "16 at most") \
	CALL(epoll_ctl, "dddx", epoll_ctl, "of streams, pipes and eventfds") \
	CALL(epoll_wait, "dxud", epoll_wait, "EPOLLET reports as if it were not given") \
	CALL(epoll_pwait, "dxudxu", epoll_pwait, "") \
	CALL(openat2, "dsxu", openat2, "as open; RESOLVE_CACHED finds nothing") \
	CALL(timerfd_settime, "dxxx", timerfd_settime, "a change of the time of day does not end a wait") \
	CALL(timerfd_gettime, "dx", timerfd_gettime, "") \
	CALL(epoll_pwait2, "dxuxxu", epoll_pwait2, "as epoll_wait") \
	CALL(preadv2, "dxuddx", preadv2, "no flags") \
	CALL(pwritev2, "dxuddx", pwritev2, "no flags; not to a stream at a place") \
	CALL(syncfs, "d", syncfs, "") \
	CALL(readahead, "dud", of_file, "does nothing") \
	CALL(setxattr, "ssxux", unsupported, "EOPNOTSUPP") \
	CALL(lsetxattr, "ssxux", unsupported, "EOPNOTSUPP") \
	CALL(fsetxattr, "dsxux", unsupported, "EOPNOTSUPP") \
	CALL(removexattr, "ss", unsupported, "EOPNOTSUPP") \
	CALL(lremovexattr, "ss", unsupported, "EOPNOTSUPP") \
	CALL(fremovexattr, "ds", unsupported, "EOPNOTSUPP") \
	CALL(mlock2, "xux", mapped, "") \
	CALL(mlockall, "x", zero, "nothing is ever paged out by us") \
	CALL(munlockall, "", zero, "") \
	CALL(getpriority, "dd", getpriority, "") \
	CALL(setpriority, "ddd", setpriority, "has no effect") \
	CALL(sched_getscheduler, "d", sched_getscheduler, "SCHED_OTHER") \
	CALL(sched_setscheduler, "ddx", sched_setscheduler, "has no effect; EPERM for real-time policies") \
	CALL(sched_getparam, "dx", sched_getparam, "") \
	CALL(sched_setparam, "dx", sched_setparam, "") \
	CALL(sched_get_priority_max, "d", sched_get_priority_max, "") \
	CALL(sched_get_priority_min, "d", sched_get_priority_min, "") \
	CALL(sched_rr_get_interval, "dx", sched_rr_get_interval, "") \
	CALL(sched_setaffinity, "dux", sched_setaffinity, "one CPU") \
	CALL(membarrier, "dxd", membarrier, "there is one CPU") \
	CALL(getresuid, "xxx", getresid, "65534") \
	CALL(getresgid, "xxx", getresid, "65534") \
	CALL(setuid, "d", setid, "to 65534") \
	CALL(setgid, "d", setid, "to 65534") \
	CALL(setreuid, "dd", setid, "to 65534") \
	CALL(setregid, "dd", setid, "to 65534") \
	CALL(setresuid, "ddd", setid, "to 65534") \
	CALL(setresgid, "ddd", setid, "to 65534") \
	CALL(personality, "x", personality, "that of Linux")
/* clang-format on */

#endif
