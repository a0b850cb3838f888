// SPDX-License-Identifier: Apache-2.0
/*
 * The init that scripts/bench boots: says what the kernel's clock shows, then waits to be ended. The clock is read
 * first and printed in front of the marker, so that a reader that waits for the marker has it.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct timespec ts;
	char line[64];
	int n;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	n = snprintf(line, sizeof(line), "clock=%lld.%09ld init-up\n", (long long)ts.tv_sec, ts.tv_nsec);
	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		return 1;
	for (;;)
		pause();
}
