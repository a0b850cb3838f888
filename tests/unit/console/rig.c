// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/console/rig.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/unit.h"

static struct timespec in_ms(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000L;
	if (ts.tv_nsec >= 1000000000L) {
		ts.tv_nsec -= 1000000000L;
		ts.tv_sec++;
	}
	return ts;
}

static size_t take(struct rig *r, const uint8_t *data, size_t n, bool brk)
{
	size_t taken;

	pthread_mutex_lock(&r->lock);
	taken = MIN(n, RIG_FIFO - r->fifo_nr);
	memcpy(r->fifo + r->fifo_nr, data, taken);
	r->fifo_nr += taken;
	r->starved = taken < n;
	r->breaks += brk && taken;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return taken;
}

static size_t guest_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	return take(container_of(g, struct rig, guest), data, n, false);
}

/* A '!' in the input, where the device has room. */
static int guest_rx_break(struct char_guest *g)
{
	return take(container_of(g, struct rig, guest), (const uint8_t *)"!", 1, true) ? 0 : -EAGAIN;
}

static void guest_tx_room(struct char_guest *g)
{
	struct rig *r = container_of(g, struct rig, guest);

	pthread_mutex_lock(&r->lock);
	r->rooms++;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void record(struct trace_sink *sink, const struct trace_record *rec)
{
	struct rig *r = container_of(sink, struct rig, sink);

	switch (rec->event) {
	case TRACE_EV_console_lost:
		r->lost += rec->arg[0];
		r->lost_events++;
		snprintf(r->why, sizeof(r->why), "%.95s", rec->strings + rec->arg[1]);
		break;
	case TRACE_EV_cmdline_text_panic:
		r->panics++;
		snprintf(r->panic, sizeof(r->panic), "%.95s", rec->strings + rec->arg[0]);
		break;
	case TRACE_EV_console_cap: r->caps++; break;
	case TRACE_EV_host_failed: r->failures++; break;
	case TRACE_EV_banner: r->banners++; break;
	case TRACE_EV_first_byte: r->firsts++; break;
	default: break;
	}
}

int rig_open(struct rig *r, const struct console_params *p, struct err *e)
{
	struct console_params with = *p;
	int ret;

	*r = (struct rig){
		.guest = {.rx = guest_rx, .tx_room = guest_tx_room, .rx_break = guest_rx_break},
		.sink = {.level = TRACE_TRACE, .record = record},
	};
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	assert_int_equal(loop_new(&r->loop), 0);
	assert_int_equal(trace_new(trace_now_ns(), &r->trace), 0);
	trace_add_sink(r->trace, &r->sink);
	with.trace = r->trace;
	ret = console_open(&with, &r->c, e);
	if (ret < 0) {
		assert_null(r->c);
		rig_close(r);
		return ret;
	}
	r->host = console_host(r->c);
	return 0;
}

static void *run(void *arg)
{
	struct rig *r = arg;

	loop_run(r->loop);
	return NULL;
}

void rig_start(struct rig *r)
{
	console_begin(r->c);
	assert_int_equal(console_attach(r->c, r->loop, &r->guest), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	r->running = true;
}

void rig_stop(struct rig *r)
{
	if (!r->running)
		return;
	loop_stop(r->loop);
	pthread_join(r->thread, NULL);
	r->running = false;
	trace_drain(r->trace);
}

void rig_close(struct rig *r)
{
	rig_stop(r);
	console_destroy(r->c);
	loop_free(r->loop);
	trace_free(r->trace);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->changed);
	r->c = NULL;
}

void rig_stdio(struct rig *r, int in_fd, int out_fd)
{
	struct console_params p = {.kind = CONSOLE_STDIO, .in_fd = in_fd, .out_fd = out_fd};

	assert_int_equal(rig_open(r, &p, NULL), 0);
	rig_start(r);
}

void rig_send(struct rig *r, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		struct timespec until = in_ms(RIG_WAIT);
		unsigned rooms;
		size_t took;

		pthread_mutex_lock(&r->lock);
		rooms = r->rooms;
		pthread_mutex_unlock(&r->lock);
		took = r->host->tx(r->host, p, n);
		p += took;
		n -= took;
		if (!n)
			return;
		pthread_mutex_lock(&r->lock);
		while (r->rooms == rooms)
			if (pthread_cond_timedwait(&r->changed, &r->lock, &until))
				fail_msg("no room after %d ms", RIG_WAIT);
		pthread_mutex_unlock(&r->lock);
	}
}

size_t rig_receive(struct rig *r, void *buf, size_t n, int timeout_ms)
{
	uint8_t *p = buf;
	size_t got = 0;

	while (got < n) {
		struct timespec until = in_ms(timeout_ms);
		bool room = false, late = false;
		size_t take;

		pthread_mutex_lock(&r->lock);
		while (!r->fifo_nr && !late)
			late = pthread_cond_timedwait(&r->changed, &r->lock, &until) != 0;
		take = MIN(n - got, r->fifo_nr);
		memcpy(p + got, r->fifo, take);
		memmove(r->fifo, r->fifo + take, r->fifo_nr - take);
		r->fifo_nr -= take;
		got += take;
		if (r->starved && !r->fifo_nr) {
			r->starved = false;
			room = true;
		}
		/* The lock is held, as in a device. */
		if (room)
			r->host->rx_room(r->host);
		pthread_mutex_unlock(&r->lock);
		if (late)
			break;
	}
	return got;
}

void rig_expect_input(struct rig *r, const char *text)
{
	char buf[256] = "";

	assert_true(strlen(text) < sizeof(buf));
	rig_receive(r, buf, strlen(text), RIG_WAIT);
	assert_string_equal(buf, text);
}

struct console_stats rig_stats(struct rig *r)
{
	struct console_stats s;

	console_stats(r->c, &s);
	return s;
}

void rig_wait_written(struct rig *r, uint64_t n)
{
	for (int i = 0; i < RIG_WAIT && rig_stats(r).written < n; i++)
		sleep_ms(1);
	assert_int_equal(rig_stats(r).written, n);
}

unsigned rig_cpu_ms(unsigned ms)
{
	struct timespec a, b;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	sleep_ms(ms);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return (unsigned)((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
}

void fill(uint8_t *buf, size_t n, uint64_t at, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t x = (at + i) * UINT64_C(0x9e3779b97f4a7c15) + seed;

		buf[i] = (uint8_t)(x >> 40);
	}
}

size_t read_all(int fd, void *buf, size_t n)
{
	uint8_t *p = buf;
	size_t got = 0;

	while (got < n) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		ssize_t r;

		if (poll(&pfd, 1, RIG_WAIT) != 1)
			break;
		r = read(fd, p + got, n - got);
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

void expect_read(int fd, const char *text)
{
	char buf[512] = "";

	assert_true(strlen(text) < sizeof(buf));
	read_all(fd, buf, strlen(text));
	assert_string_equal(buf, text);
}

void sleep_ms(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

char rig_dir[] = "/tmp/vmm-console-XXXXXX";
char rig_path[512];

int rig_make_dir(void)
{
	if (mkdtemp(rig_dir))
		return 0;
	perror(rig_dir);
	return -1;
}

int rig_remove_dir(void)
{
	if (!rmdir(rig_dir))
		return 0;
	perror(rig_dir);
	return -1;
}

const char *rig_in_dir(const char *name)
{
	snprintf(rig_path, sizeof(rig_path), "%s/%s", rig_dir, name);
	return rig_path;
}

int rig_open_kind(struct rig *r, enum console_kind kind, const char *name, uint64_t cap, struct err *e)
{
	struct console_params p = {.kind = kind, .path = name, .cap_bytes = cap, .as = {.mode = SANDBOX_BEST_EFFORT}};

	return rig_open(r, &p, e);
}

void rig_expect_error(enum console_kind kind, const char *name, int code, const char *words)
{
	struct err e = {0};
	struct rig r;

	assert_int_equal(rig_open_kind(&r, kind, name, 0, &e), code);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}
