// SPDX-License-Identifier: Apache-2.0
/*
 * bochs-frames OUT ERR CONTROL BACK: takes apart what Bochs prints in `scripts/lab --intel`.
 *
 * Port 0xe9 of the machine is the stdout of Bochs, and its debugger prints there too. What the inner host sends is
 * therefore framed (scripts/lab.d/init.c writes them): 0x1e 'v' 'm' 'm', a byte for the stream, two for the payload's
 * length and two for its sum (little-endian), the payload. The payload goes to the file named for its stream; what is
 * in no frame goes to stdout. A frame whose sum is wrong had the debugger's words in its middle: then the rest cannot
 * be trusted, and this ends with 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEADER 9
static const unsigned char magic[] = {0x1e, 'v', 'm', 'm'};
static const char kinds[] = "oecr";
static int streams[4];

static void put(int fd, const unsigned char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* its reader has gone, which the lab sees by itself */
		data += n;
		len -= (size_t)n;
	}
}

/*
 * Takes what is whole at the start of @buf. Returns how many bytes that were; 0 if it takes more to tell, -1 if a frame
 * is broken.
 */
static ssize_t take(const unsigned char *buf, size_t len)
{
	const unsigned char *start = memchr(buf, magic[0], len);
	size_t before = start ? (size_t)(start - buf) : len;

	if (before) {
		put(1, buf, before);
		return (ssize_t)before;
	}
	if (memcmp(buf, magic, len < sizeof(magic) ? len : sizeof(magic))) {
		put(1, buf, 1);
		return 1;
	}
	if (len < HEADER)
		return 0;
	const char *kind = strchr(kinds, buf[4]);
	size_t size = buf[5] | (size_t)buf[6] << 8;
	uint16_t sum = (uint16_t)(buf[7] | buf[8] << 8);

	if (!buf[4] || !kind)
		return -1;
	if (len < HEADER + size)
		return 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint16_t)(sum - buf[HEADER + i]);
	if (sum)
		return -1;
	put(streams[kind - kinds], buf + HEADER, size);
	return (ssize_t)(HEADER + size);
}

int main(int argc, char **argv)
{
	static unsigned char buf[2 * (HEADER + 65536)];
	size_t have = 0;
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 4; i++) {
		if (argc != 5 || (streams[i] = open(argv[i + 1], O_WRONLY | O_CLOEXEC)) < 0) {
			perror(argc == 5 ? argv[i + 1] : "usage: bochs-frames OUT ERR CONTROL BACK");
			return 2;
		}
	}
	while ((n = read(0, buf + have, sizeof(buf) - have)) > 0) {
		size_t at = 0;

		have += (size_t)n;
		while (at < have && (n = take(buf + at, have - at)) > 0)
			at += (size_t)n;
		if (at < have && n < 0) {
			fprintf(stderr, "a frame of the inner host's output is broken\n");
			return 1;
		}
		memmove(buf, buf + at, have - at);
		have -= at;
	}
	put(1, buf, have);
	return 0;
}
