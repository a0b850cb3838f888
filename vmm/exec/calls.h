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
	CALL(open, "sxo", open, "the program, its loader and libraries alone, for reading") \
	CALL(close, "d", close, "the command's own stream stays open") \
	CALL(stat, "sx", stat, "of what can be opened") \
	CALL(fstat, "dx", fstat, "") \
	CALL(lstat, "sx", stat, "of what can be opened") \
	CALL(poll, "xud", poll, "") \
	CALL(lseek, "ddd", lseek, "") \
	CALL(mmap, "xupmdx", mmap, "a file is read when it is mapped: later changes of it are not seen") \
	CALL(mprotect, "xup", mprotect, "changes nothing when a part is not mapped") \
	CALL(munmap, "xu", munmap, "") \
	CALL(brk, "x", brk, "") \
	CALL(rt_sigaction, "dxxu", rt_sigaction, "handlers are remembered, and not run yet") \
	CALL(rt_sigprocmask, "dxxu", rt_sigprocmask, "") \
	CALL(ioctl, "dxx", ioctl, "a stream answers as a pipe does") \
	CALL(pread64, "dBud", pread64, "") \
	CALL(readv, "dxu", readv, "") \
	CALL(writev, "dxu", writev, "") \
	CALL(access, "so", access, "of what can be opened") \
	CALL(sched_yield, "", zero, "") \
	CALL(mremap, "xuuxx", mremap, "") \
	CALL(msync, "xud", mapped, "") \
	CALL(madvise, "xud", madvise, "advice that is not followed is accepted, also for what came from a file") \
	CALL(dup, "d", dup, "a library gets a position of its own") \
	CALL(dup2, "dd", dup2, "a library gets a position of its own") \
	CALL(pause, "", pause, "ends with the run: no handler can be run yet") \
	CALL(nanosleep, "xx", nanosleep, "") \
	CALL(getpid, "", getpid, "2") \
	CALL(socket, "ddd", missing, "there is no network") \
	CALL(socketpair, "dddx", missing, "there is no network") \
	CALL(clone, "xxxxx", missing, "a program has one thread and no children yet") \
	CALL(fork, "", missing, "a program has no children") \
	CALL(vfork, "", missing, "a program has no children") \
	CALL(execve, "sxx", missing, "a program has no children") \
	CALL(exit, "d", exit, "") \
	CALL(wait4, "dxdx", wait4, "there are no children") \
	CALL(kill, "dd", kill, "the program itself is all there is") \
	CALL(uname, "x", uname, "Linux 6.1.0") \
	CALL(fcntl, "ddx", fcntl, "no locks; F_SETFL changes nothing") \
	CALL(getcwd, "xu", getcwd, "what --cwd says") \
	CALL(chdir, "s", chdir, "to where it is already") \
	CALL(readlink, "ssu", readlink, "/proc/self/exe alone") \
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
	CALL(sigaltstack, "xx", sigaltstack, "remembered") \
	CALL(mlock, "xu", mapped, "") \
	CALL(munlock, "xu", mapped, "") \
	CALL(prctl, "dxxxx", prctl, "name and dumpable alone") \
	CALL(arch_prctl, "xx", arch_prctl, "") \
	CALL(gettid, "", getpid, "2") \
	CALL(tkill, "dd", kill, "the program itself is all there is") \
	CALL(time, "x", time, "") \
	CALL(futex, "xddxxd", futex, "one thread: nobody else wakes it") \
	CALL(sched_getaffinity, "dux", sched_getaffinity, "one CPU") \
	CALL(getdents64, "dxu", missing, "no directory can be opened yet") \
	CALL(set_tid_address, "x", getpid, "2") \
	CALL(clock_gettime, "dx", clock_gettime, "") \
	CALL(clock_getres, "dx", clock_getres, "") \
	CALL(clock_nanosleep, "ddxx", clock_nanosleep, "") \
	CALL(exit_group, "d", exit, "") \
	CALL(tgkill, "ddd", tgkill, "the program itself is all there is") \
	CALL(openat, "dsxo", openat, "the program, its loader and libraries alone, for reading") \
	CALL(newfstatat, "dsxx", newfstatat, "of what can be opened") \
	CALL(readlinkat, "dssu", readlinkat, "/proc/self/exe alone") \
	CALL(faccessat, "dso", accessat, "of what can be opened") \
	CALL(ppoll, "xuxxu", ppoll, "") \
	CALL(set_robust_list, "xu", zero, "one thread: nobody waits for it") \
	CALL(pipe2, "xx", missing, "a program has no children") \
	CALL(pipe, "x", missing, "a program has no children") \
	CALL(dup3, "ddx", dup3, "a library gets a position of its own") \
	CALL(prlimit64, "ddxx", prlimit64, "limits are set and have no effect") \
	CALL(getcpu, "xxx", getcpu, "CPU 0") \
	CALL(getrandom, "Bux", getrandom, "") \
	CALL(execveat, "dsxxx", missing, "a program has no children") \
	CALL(statx, "dsxxx", statx, "of what can be opened") \
	CALL(rseq, "xuxx", missing, "a program has one thread") \
	CALL(clone3, "xu", missing, "a program has one thread and no children yet") \
	CALL(faccessat2, "dsox", accessat, "of what can be opened")
/* clang-format on */

#endif
