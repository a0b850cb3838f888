// SPDX-License-Identifier: Apache-2.0
/*
 * usage: start-cost COUNT AT_ONCE PROGRAM [ARGUMENT...]
 *
 * Starts PROGRAM, a path, COUNT times, AT_ONCE of them at a time, with nothing on its standard streams. Prints one
 * line:
 *
 *	cpu MIN MEDIAN wall MIN MEDIAN per_s N rss KB status STATUS
 *
 * CPU time of a process to its end, user and system, and the time from before fork to after it was reaped, in
 * microseconds; how many came to their end in a second; the largest RSS; the exit status of the last. Status 1 where
 * they did not all end alike.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE_MAX 64

struct child {
	pid_t pid;
	double start;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static pid_t start(char **argv)
{
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	execv(argv[0], argv);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct child child[AT_ONCE_MAX];
	int count = argc > 3 ? atoi(argv[1]) : 0, at_once = argc > 3 ? atoi(argv[2]) : 0;
	int started = 0, done = 0, last = -1, unlike = 0;
	double *cpu, *wall, begin = now_us();
	long rss = 0;

	if (count < 1 || at_once < 1 || at_once > AT_ONCE_MAX) {
		fprintf(stderr, "usage: start-cost COUNT AT_ONCE PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	cpu = calloc((size_t)count, sizeof(*cpu));
	wall = calloc((size_t)count, sizeof(*wall));
	if (!cpu || !wall)
		return 1;
	while (done < count) {
		struct rusage ru;
		int status, i;
		pid_t pid;

		while (started < count && started - done < at_once) {
			for (i = 0; started >= at_once && child[i].pid; i++)
				;
			if (started < at_once)
				i = started;
			child[i].start = now_us();
			child[i].pid = start(argv + 3);
			started++;
		}
		pid = wait4(-1, &status, 0, &ru);
		if (pid < 0)
			return 1;
		for (i = 0; child[i].pid != pid; i++)
			;
		child[i].pid = 0;
		wall[done] = now_us() - child[i].start;
		cpu[done++] = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e6 +
			(double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
		rss = ru.ru_maxrss > rss ? ru.ru_maxrss : rss;
		unlike |= last >= 0 && last != status;
		last = status;
	}
	begin = now_us() - begin;
	qsort(cpu, (size_t)count, sizeof(*cpu), by_size);
	qsort(wall, (size_t)count, sizeof(*wall), by_size);
	printf("cpu %.0f %.0f wall %.0f %.0f per_s %.1f rss %ld status %d\n", cpu[0], cpu[count / 2], wall[0],
		wall[count / 2], count * 1e6 / begin, rss, WIFEXITED(last) ? WEXITSTATUS(last) : -WTERMSIG(last));
	return unlike;
}
