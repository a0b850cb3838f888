// SPDX-License-Identifier: Apache-2.0
/*
 * Runs in a guest that a debugger watches: executes INT3 a hundred times, and says how many came back to it.
 */
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t traps;

static void on_trap(int signo)
{
	traps++;
}

int main(void)
{
	signal(SIGTRAP, on_trap);
	for (int i = 0; i < 100; i++)
		__asm__ volatile("int3" ::: "memory");
	printf("lab: %d of 100 traps\n", (int)traps);
	return traps != 100;
}
