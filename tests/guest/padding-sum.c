// SPDX-License-Identifier: Apache-2.0
/*
 * Prints "lab: padding CRC LENGTH" of the file /padding, as POSIX cksum has them: an init for an initramfs that is too
 * small for another. Then it powers off.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

/* POSIX.1-2017, cksum: generator polynomial of ISO/IEC 8802-3, most significant bit first. */
#define POLYNOMIAL UINT32_C(0x04c11db7)

static uint32_t add(uint32_t crc, uint8_t byte)
{
	crc ^= (uint32_t)byte << 24;
	for (int bit = 0; bit < 8; bit++)
		crc = crc << 1 ^ (crc >> 31 ? POLYNOMIAL : 0);
	return crc;
}

int main(void)
{
	FILE *f = fopen("/padding", "re");
	uint64_t len = 0;
	uint32_t crc = 0;
	int c;

	if (!f) {
		perror("/padding");
		return 1;
	}
	while ((c = getc(f)) != EOF) {
		crc = add(crc, (uint8_t)c);
		len++;
	}
	/* The length follows the data, least significant byte first, as far as it goes. */
	for (uint64_t left = len; left; left >>= 8)
		crc = add(crc, (uint8_t)left);
	printf("lab: padding %lu %llu\n", (unsigned long)(uint32_t)~crc, (unsigned long long)len);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	return 1;
}
