// SPDX-License-Identifier: Apache-2.0
/*
 * How far a guest's time of day is from the host's.
 *
 *	clock-gap print N	in the guest: N lines "clock: NANOSECONDS", a moment apart
 *	clock-gap compare	on the host: reads its console, and prints by how many microseconds the host is ahead
 *				at the least, over all such lines, and how many there were
 *
 * What lies between a guest's look at its clock and the arrival of the line is never negative, so that the least
 * difference is the best one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int print(long n)
{
	const struct timespec moment = {.tv_nsec = 20000000};

	while (n--) {
		char line[64];
		int size = snprintf(line, sizeof(line), "clock: %lld\n", (long long)now_ns());

		if (write(STDOUT_FILENO, line, (size_t)size) != size)
			return 1;
		nanosleep(&moment, NULL);
	}
	return 0;
}

/* @at: when its first byte came */
static void look(const char *line, int64_t at, int64_t *least, long *count)
{
	const char *text = strstr(line, "clock: ");
	int64_t gap;

	if (!text)
		return;
	gap = at - strtoll(text + 7, NULL, 10);
	if (!(*count)++ || gap < *least)
		*least = gap;
}

static int compare(void)
{
	char line[4096], piece[4096];
	int64_t at = 0, least = 0;
	size_t used = 0;
	long count = 0;
	ssize_t n;

	while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0) {
		int64_t now = now_ns();

		for (ssize_t i = 0; i < n; i++) {
			if (!used)
				at = now;
			if (piece[i] != '\n' && used < sizeof(line) - 1) {
				line[used++] = piece[i];
				continue;
			}
			line[used] = '\0';
			look(line, at, &least, &count);
			used = 0;
		}
		fwrite(piece, 1, (size_t)n, stderr);
	}
	printf("gap %lld us, lines %ld\n", (long long)(least / 1000), count);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "print"))
		return print(strtol(argv[2], NULL, 0));
	if (argc == 2 && !strcmp(argv[1], "compare"))
		return compare();
	fprintf(stderr, "usage: clock-gap print N | compare\n");
	return 2;
}
