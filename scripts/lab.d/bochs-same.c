// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into Bochs by `scripts/lab --intel`: it seeds its random numbers, which are what RDRAND answers, by the
 * time of day. Without that seed two runs of one command are the same to the instruction.
 */
void srand(unsigned int seed);

void srand(unsigned int seed)
{
	(void)seed;
}
