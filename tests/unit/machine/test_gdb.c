// SPDX-License-Identifier: Apache-2.0
/*
 * A client of gdb's protocol on a running machine, byte by byte: which threads wait for it, what it reads, and that the
 * guest continues when it has disconnected. tests/integration/gdb.test uses gdb itself.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/un.h>

#include "tests/support/with_kvm.h"
#include "tests/unit/machine/run_rig.h"
#include "vmm/debug/gdb/stub.h"

/* As long as the address of a socket can be: more than fits where the path of another has _PORT behind it. */
static char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

/* In print_often(): the addresses after mov, mov and mov. */
#define LOOP (KIT_ENTRY + 4 + 2 + 5)

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds)
{
	return 0;
}

struct client {
	pthread_t thread;
	struct rig *r;
	int fd;
	size_t printed; /* before it let the guest go */
	char reply[4096];
};

/* Assertions work only in the main thread: another thread ends the test with a message. */
static void want(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "[  FAILED  ] the client: %s\n", what);
	abort();
}

static void dial(struct client *c)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 10};

	memcpy(at.sun_path, path, sizeof(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	want(connect(c->fd, (struct sockaddr *)&at, sizeof(at)) == 0, "connects");
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static char next_byte(struct client *c)
{
	char b = 0;

	want(read(c->fd, &b, 1) == 1, "is answered within ten seconds");
	return b;
}

/* One packet, without its framing. */
static const char *hear(struct client *c)
{
	size_t n = 0;
	char b;

	while ((b = next_byte(c)) != '$')
		want(b == '+', "is acknowledged");
	while ((b = next_byte(c)) != '#' && n + 1 < sizeof(c->reply))
		c->reply[n++] = b;
	c->reply[n] = '\0';
	next_byte(c);
	next_byte(c);
	/* Who was told to go may have gone. */
	send(c->fd, "+", 1, MSG_NOSIGNAL);
	return c->reply;
}

static void say(struct client *c, const char *packet)
{
	unsigned sum = 0;

	for (const char *p = packet; *p; p++)
		sum += (uint8_t)*p;
	want(dprintf(c->fd, "$%s#%02x", packet, sum & 0xff) > 0, "sends");
}

static void ask(struct client *c, const char *packet, const char *answer)
{
	char what[128];

	say(c, packet);
	snprintf(what, sizeof(what), "%s is answered by %s, and not %.60s", packet, answer, hear(c));
	want(!strncmp(c->reply, answer, strlen(answer)), what);
}

/* RIP, the 17th of the registers: 8 bytes each, little endian. */
static uint64_t rip(struct client *c)
{
	uint64_t value = 0;

	say(c, "g");
	want(strlen(hear(c)) > 17 * 16, "has registers");
	for (unsigned i = 0; i < 8; i++) {
		unsigned byte;

		want(sscanf(c->reply + 16 * 16 + 2 * i, "%2x", &byte) == 1, "has hexadecimal digits");
		value |= (uint64_t)byte << (8 * i);
	}
	return value;
}

/* It has printed more than when @printed was recorded. */
static void guest_goes_on(struct client *c)
{
	for (unsigned i = 0; i < 1000 && printed(c->r) < c->printed + 1000; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	want(printed(c->r) >= c->printed + 1000, "leaves a guest that goes on");
}

static void *client_main(void *arg)
{
	struct client *c = arg;
	char packet[40];

	/* It comes late, and was waited for: the guest has not begun. */
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	dial(c);
	ask(c, "?", "T05thread:1;");
	want(rip(c) == KIT_ENTRY && printed(c->r) == 0, "comes before the first instruction");
	ask(c, "qC", "QC1");
	snprintf(packet, sizeof(packet), "Z1,%llx,1", (unsigned long long)LOOP);
	ask(c, packet, "OK");
	for (unsigned i = 0; i < 3; i++) {
		ask(c, "c", "T05");
		want(rip(c) == LOOP, "stops at the breakpoint");
	}
	snprintf(packet, sizeof(packet), "m%llx,2", (unsigned long long)LOOP);
	ask(c, packet, "eeff");
	snprintf(packet, sizeof(packet), "z1,%llx,1", (unsigned long long)LOOP);
	ask(c, packet, "OK");
	c->printed = printed(c->r);
	ask(c, "D", "OK");
	close(c->fd);
	/* Another one finds a guest that runs, and stops it. */
	guest_goes_on(c);
	dial(c);
	ask(c, "?", "T05");
	/* A guest that cannot be held, since a device is late, continues; the client gets an error, and may retry. */
	c->printed = printed(c->r);
	say(c, "c");
	guest_goes_on(c);
	gdb_stub_refused(c->r->m->gdb, "disk 0");
	want(*hear(c) == 'O', "hears why the guest goes on");
	want(write(c->fd, "\003", 1) == 1 && !strncmp(hear(c), "T02", 3), "stops the guest after all");
	say(c, "k");
	return NULL;
}

static void a_client_comes_and_goes(void **state)
{
	struct program p = {.size = 0};
	struct verdict v = {0};
	struct client c;
	struct err e = {0};
	struct rig r;
	char gdb[sizeof(path) + 16];

	memset(path, '0', sizeof(path) - 1);
	path[snprintf(path, sizeof(path), "/tmp/vmm-gdb.%d.", (int)getpid())] = '0';
	snprintf(gdb, sizeof(gdb), "unix:%s,wait", path);
	print_often(&p, '.', UINT32_MAX);
	wish.debugging = true;
	wish.gdb = gdb;
	up(&r, &p);
	c = (struct client){.r = &r};
	assert_int_equal(pthread_create(&c.thread, NULL, client_main, &c), 0);
	assert_int_equal(machine_run(r.m, &v, &e), 0);
	pthread_join(c.thread, NULL);
	close(c.fd);
	assert_int_equal(v.outcome, OUTCOME_SIGNAL);
	assert_int_equal(v.by, DETECTOR_GDB);
	down(&r);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_comes_and_goes),
	};
	struct kvm kvm = {.fd = -1};

	return run_with_kvm(&kvm, tests);
}
