// SPDX-License-Identifier: Apache-2.0
/*
 * The network backends: passt's stream on a socket pair, with a slow, a broken and a vanished other side; what a TAP
 * refuses. The rest of a TAP is shown in tests/lab/virtio-net.test.
 */
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/host/net.h"
#include "vmm/host/passt.h"
#include "vmm/host/tap.h"

static uint8_t frame[NET_FRAME_MAX], back[4 + NET_FRAME_MAX + 16];

/* A backend, and the other end of its stream. */
static struct net_backend *open_stream(int *ret_peer)
{
	struct net_backend *b;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	b = net_passt_wrap(pair[0]);
	assert_non_null(b);
	assert_int_equal(b->offload, 0);
	*ret_peer = pair[1];
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 13);
	return b;
}

static int send_frame(struct net_backend *b, size_t size)
{
	struct net_hdr hdr = {.flags = 0x55};
	struct iovec iov[4] = {{&hdr, sizeof(hdr)}, {frame, 3}, {frame + 3, 1}, {frame + 4, size - 4}};

	return b->ops->send(b, iov, 4, size);
}

static ssize_t receive_frame(struct net_backend *b)
{
	struct net_hdr hdr = {.flags = 0x55};
	struct iovec iov[3] = {{&hdr, sizeof(hdr)}, {back, 10}, {back + 10, NET_FRAME_MAX}};
	ssize_t r = b->ops->receive(b, iov, 3);

	if (r > 0)
		assert_int_equal(hdr.flags, 0);
	return r;
}

static void sends_lengths_and_frames(void **state)
{
	int peer;
	struct net_backend *b = open_stream(&peer);

	assert_int_equal(send_frame(b, 60), 0);
	assert_int_equal(send_frame(b, 1514), 0);
	assert_int_equal(read(peer, back, 64), 64);
	assert_int_equal(ntohl(*(uint32_t *)back), 60);
	assert_memory_equal(back + 4, frame, 60);
	assert_int_equal(read(peer, back, sizeof(back)), 1518);
	assert_int_equal(ntohl(*(uint32_t *)back), 1514);
	assert_memory_equal(back + 4, frame, 1514);
	/* passt would give up on it. */
	assert_int_equal(send_frame(b, 65536), -EMSGSIZE);
	assert_int_equal(send_frame(b, 65535), 0);
	net_backend_destroy(b);
	close(peer);
}

/* Everything arrives, whole and in order, at a peer that reads a few bytes at a time. */
static void a_slow_peer(void **state)
{
	int peer, size = 4096;
	struct net_backend *b = open_stream(&peer);
	size_t sent = 0, got = 0, have = 0, refused = 0, in_parts = 0;
	static uint8_t buf[2 * (4 + 9000)];

	setsockopt(b->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (got < 50) {
		ssize_t r;

		while (sent < 50 && !b->blocked) {
			int s = send_frame(b, 9000);

			assert_true(s == 0 || s == -EAGAIN);
			assert_true(s == 0 || b->blocked);
			refused += s == -EAGAIN;
			in_parts += s == 0 && b->blocked;
			sent += s == 0;
		}
		r = read(peer, buf + have, MIN(sizeof(buf) - have, (size_t)777));
		if (r > 0)
			have += (size_t)r;
		assert_int_equal(b->ops->flush(b), 0);
		while (have >= 9004) {
			assert_int_equal(ntohl(*(uint32_t *)buf), 9000);
			assert_memory_equal(buf + 4, frame, 9000);
			memmove(buf, buf + 9004, have -= 9004);
			got++;
		}
	}
	assert_true(in_parts > 0 || refused > 0);
	net_backend_destroy(b);
	close(peer);
}

static void frames_come_in_pieces(void **state)
{
	int peer;
	struct net_backend *b = open_stream(&peer);
	uint32_t length = htonl(100);
	uint8_t piece[104];

	memcpy(piece, &length, 4);
	memcpy(piece + 4, frame, 100);
	for (size_t i = 0; i < sizeof(piece); i++) {
		assert_int_equal(receive_frame(b), -EAGAIN);
		assert_int_equal(write(peer, piece + i, 1), 1);
	}
	assert_int_equal(receive_frame(b), NET_HDR_SIZE + 100);
	assert_memory_equal(back, frame, 100);
	/* Many in one piece, and the largest there is. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(write(peer, piece, sizeof(piece)), sizeof(piece));
	length = htonl(NET_FRAME_MAX);
	assert_int_equal(write(peer, &length, 4), 4);
	assert_int_equal(write(peer, frame, NET_FRAME_MAX), NET_FRAME_MAX);
	for (int i = 0; i < 20; i++)
		assert_int_equal(receive_frame(b), NET_HDR_SIZE + 100);
	assert_int_equal(receive_frame(b), NET_HDR_SIZE + NET_FRAME_MAX);
	assert_memory_equal(back, frame, NET_FRAME_MAX);
	assert_int_equal(receive_frame(b), -EAGAIN);
	net_backend_destroy(b);
	close(peer);
}

static void nonsense_ends_the_link(void **state)
{
	static const uint32_t bad[] = {0, 13, NET_FRAME_MAX + 1, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int peer;
		struct net_backend *b = open_stream(&peer);
		uint32_t length = htonl(bad[i]);

		assert_int_equal(write(peer, &length, 4), 4);
		assert_int_equal(receive_frame(b), -ENOTCONN);
		net_backend_destroy(b);
		close(peer);
	}
}

static void the_peer_goes(void **state)
{
	int peer;
	struct net_backend *b = open_stream(&peer);
	uint32_t length = htonl(100);

	/* In the middle of a frame. */
	assert_int_equal(write(peer, &length, 4), 4);
	assert_int_equal(write(peer, frame, 50), 50);
	assert_int_equal(receive_frame(b), -EAGAIN);
	close(peer);
	assert_int_equal(receive_frame(b), -ENOTCONN);
	assert_int_equal(send_frame(b, 100), -ENOTCONN);
	assert_int_equal(b->ops->flush(b), 0); /* nothing is left over */
	net_backend_destroy(b);
}

static void assert_refused(const struct config_net *c, const char *words)
{
	struct net_backend *b = NULL;
	struct err e = {0};

	/* In the order of a run: the configuration is checked, then opened. */
	assert_true(net_check(c, &e) < 0 || net_open(c, &b, &e) < 0);
	assert_null(b);
	if (!strstr(e.text, words))
		fail_msg("'%s' does not say '%s'", e.text, words);
}

#define REFUSED(words, ...) assert_refused(&(const struct config_net){__VA_ARGS__}, words)

static void what_the_operator_got_wrong(void **state)
{
	char path[200];
	int null = open("/dev/null", O_RDWR), listener = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct net_backend *b = NULL;
	struct err e = {0};
	char *old = strdup(getenv("PATH"));

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	REFUSED("at most 107", .kind = CONFIG_NET_PASST, .name = path);
	REFUSED("--net passt=/nowhere/s: cannot connect", .kind = CONFIG_NET_PASST, .name = (char *)"/nowhere/s");
	REFUSED("no name of an interface", .kind = CONFIG_NET_TAP, .name = (char *)"sixteen-letters-");
	REFUSED("no name of an interface", .kind = CONFIG_NET_TAP, .name = (char *)"");
	REFUSED("no name of an interface", .kind = CONFIG_NET_TAP, .name = (char *)"a/b");
	REFUSED("no name of an interface", .kind = CONFIG_NET_TAP, .name = (char *)"tap%d");
	REFUSED("no file descriptor 999 was passed", .kind = CONFIG_NET_FD, .fd = 999);
	REFUSED("is not a TAP", .kind = CONFIG_NET_FD, .fd = null);
	REFUSED("is not a TAP", .kind = CONFIG_NET_FD, .fd = listener);
	setenv("PATH", "/nowhere", 1);
	REFUSED("--net passt: passt is not installed", .kind = CONFIG_NET_PASST);
	REFUSED("--net: tcp=22: only a passt that vmm starts forwards ports; that is --net passt",
		.kind = CONFIG_NET_TAP, .name = (char *)"vm0", .tcp = {(char *[]){(char *)"22"}, 1});
	REFUSED("--net: udp=22: only a passt that vmm starts forwards ports; this one was started by somebody else",
		.kind = CONFIG_NET_PASST, .name = (char *)"/s", .udp = {(char *[]){(char *)"22"}, 1});
	REFUSED("--net: tcp=x: not [ADDRESS/]PORT", .kind = CONFIG_NET_PASST, .tcp = {(char *[]){(char *)"x"}, 1});
	setenv("PATH", old, 1);
	assert_true(net_passt_connect("/nowhere/s", &b, &e) < 0);
	assert_int_equal(fcntl(null, F_GETFD), 0); /* a refused descriptor still belongs to the caller */
	free(old);
	close(null);
	close(listener);
}

static void ports_to_forward(void **state)
{
	static const char *const good[] = {"22", "2222:22", "127.0.0.1/2222:22", "::1/80", "8000-8009", "1-65535",
		"9000-9009:80-89", "0.0.0.0/65535:1"};
	static const struct {
		const char *spec, *words;
	} bad[] = {
		{"", "not [ADDRESS/]PORT"},
		{"0", "not [ADDRESS/]PORT"},
		{"65536", "not [ADDRESS/]PORT"},
		{"22:", "not [ADDRESS/]PORT"},
		{":22", "not [ADDRESS/]PORT"},
		{"22:22:22", "not [ADDRESS/]PORT"},
		{"-1", "not [ADDRESS/]PORT"},
		{" 22", "not [ADDRESS/]PORT"},
		{"22 ", "not [ADDRESS/]PORT"},
		{"22,80", "not [ADDRESS/]PORT"},
		{"9-8", "not [ADDRESS/]PORT"},
		{"99999999999999999999", "not [ADDRESS/]PORT"},
		{"all", "not [ADDRESS/]PORT"},
		{"/22", "'' is no IP address"},
		{"localhost/22", "'localhost' is no IP address"},
		{"1.2.3.4.5/22", "is no IP address"},
		{"8000-8009:80", "10 ports of the host, and 1 of the guest"},
	};
	struct err e = {};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (net_passt_check_ports(good[i], &e) < 0)
			fail_msg("%s: %s", good[i], e.text);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(net_passt_check_ports(bad[i].spec, &e), -EINVAL);
		if (!strstr(e.text, bad[i].words))
			fail_msg("'%s': %s", bad[i].spec, e.text);
	}
}

/* What a launcher has passed to us is not close-on-exec, and none of passt's business. */
static void passt_gets_its_ports_and_no_other_fd(void **state)
{
	static const char script[] = "#!/bin/sh\n"
				     "{ echo \"$@\"; ls -m /proc/$$/fd; } >$0.new\n"
				     "mv $0.new $0.seen\n"
				     "exec cat <&3 >/dev/null\n";
	char *tcp_specs[] = {(char *)"2222:22", (char *)"127.0.0.1/8080"}, *udp_spec[] = {(char *)"53"};
	const struct config_net c = {.kind = CONFIG_NET_PASST, .tcp = {tcp_specs, 2}, .udp = {udp_spec, 1}};
	char dir[] = "/tmp/vmm-passt.XXXXXX", path[64], seen[512] = "", *old = strdup(getenv("PATH")), *both = NULL;
	int passed = open("/dev/null", O_RDONLY), high = fcntl(passed, F_DUPFD, 77), fd;
	struct net_backend *b = NULL;
	struct err e = {};

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/passt", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_int_equal(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	close(fd);
	assert_true(asprintf(&both, "%s:%s", dir, old) > 0);
	setenv("PATH", both, 1);
	assert_int_equal(net_open(&c, &b, &e), 0);
	setenv("PATH", old, 1);
	snprintf(path, sizeof(path), "%s/passt.seen", dir);
	for (unsigned i = 0; i < 1000 && (fd = open(path, O_RDONLY)) < 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_true(fd >= 0);
	assert_true(read(fd, seen, sizeof(seen) - 1) > 0);
	close(fd);
	net_backend_destroy(b);
	unlink(path);
	snprintf(path, sizeof(path), "%s/passt", dir);
	unlink(path);
	rmdir(dir);
	assert_non_null(
		strstr(seen, "--one-off --fd 3 --tcp-ports 2222:22 --tcp-ports 127.0.0.1/8080 --udp-ports 53\n"));
	/* Its streams, its socket, and what the shell opened itself, at 10 or above. */
	assert_non_null(strstr(seen, "\n0, 1, "));
	assert_non_null(strstr(seen, ", 2, 3\n"));
	assert_null(strstr(seen, ", 77"));
	close(passed);
	close(high);
	free(old);
	free(both);
}

static void a_mac_stays_the_same(void **state)
{
	uint8_t a[VIRTIO_NET_MAC_SIZE], b[VIRTIO_NET_MAC_SIZE];
	/* A change here changes the address of every guest there is. */
	static const uint8_t vm0[VIRTIO_NET_MAC_SIZE] = {0x02, 0x4a, 0xbf, 0xd9, 0x00, 0xb9};

	net_default_mac("vm0", 0, a);
	assert_memory_equal(a, vm0, sizeof(a));
	net_default_mac("vm0", 1, b);
	assert_memory_not_equal(a, b, sizeof(a));
	net_default_mac("vm1", 0, b);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(b[0], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_lengths_and_frames),
		cmocka_unit_test(a_slow_peer),
		cmocka_unit_test(frames_come_in_pieces),
		cmocka_unit_test(nonsense_ends_the_link),
		cmocka_unit_test(the_peer_goes),
		cmocka_unit_test(what_the_operator_got_wrong),
		cmocka_unit_test(ports_to_forward),
		cmocka_unit_test(passt_gets_its_ports_and_no_other_fd),
		cmocka_unit_test(a_mac_stays_the_same),
	};

	return run_group(tests);
}
