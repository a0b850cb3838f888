// SPDX-License-Identifier: Apache-2.0
/*
 * arpd SOCKET ADDRESS: the other side of a network device, for tests without a network: a Unix socket that speaks as
 * passt does (each frame behind its length, 32 bits, big-endian) and answers ARP requests for ADDRESS. Other frames are
 * dropped. One client after the other.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* An ARP packet behind an Ethernet header (RFC 826) */
enum { ETHERTYPE = 12, OPERATION = 20, SENDER_MAC = 22, SENDER_IP = 28, TARGET_MAC = 32, TARGET_IP = 38, ARP_END = 42 };

static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 0xa1};

static int read_all(int fd, void *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, (char *)to + done, len - done);

		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

/* Makes the answer of a request, in place. */
static void turn_around(uint8_t *f, const uint8_t address[4])
{
	memcpy(f, f + 6, 6);
	memcpy(f + 6, mac, 6);
	f[OPERATION + 1] = 2;
	memcpy(f + TARGET_MAC, f + SENDER_MAC, 10);
	memcpy(f + SENDER_MAC, mac, 6);
	memcpy(f + SENDER_IP, address, 4);
}

static void serve(int fd, const uint8_t address[4])
{
	static const uint8_t request[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
	static uint8_t f[70000];
	uint32_t length;

	while (read_all(fd, &length, sizeof(length)) == 0) {
		size_t n = ntohl(length);

		if (n > sizeof(f) || read_all(fd, f, n) < 0)
			return;
		if (n < ARP_END || memcmp(f + ETHERTYPE, request, sizeof(request)) || memcmp(f + TARGET_IP, address, 4))
			continue;
		turn_around(f, address);
		if (send(fd, &length, sizeof(length), MSG_NOSIGNAL) < 0 || send(fd, f, n, MSG_NOSIGNAL) < 0)
			return;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	uint8_t address[4];
	int fd, client;

	if (argc != 3 || strlen(argv[1]) >= sizeof(a.sun_path) || inet_pton(AF_INET, argv[2], address) != 1)
		return 2;
	strcpy(a.sun_path, argv[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0) {
		perror(argv[1]);
		return 1;
	}
	while ((client = accept(fd, NULL, NULL)) >= 0) {
		serve(client, address);
		close(client);
	}
	return 1;
}
