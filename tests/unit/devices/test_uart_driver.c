// SPDX-License-Identifier: Apache-2.0
/*
 * The 16550A as a whole driver sees it: the probes that Linux's 8250 makes of an unknown chip, interrupt-driven
 * transfers both ways, and both at once from two threads, as a vCPU and the host's loop are.
 */
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/devices/uart_driver.h"

#define TEXT_BYTES   50000
#define PASTE_BYTES  65536
#define STRESS_BYTES 65536

struct bench {
	struct irq_line irq;
	struct fake_host host;
	struct uart uart;
	struct device *dev;
	struct driver driver;
	uint8_t received[PASTE_BYTES];
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b || irq_line_init(&b->irq))
		return -1;
	fake_host_init(&b->host);
	if (uart_init(&b->uart, &b->irq, &b->host.host))
		return -1;
	b->dev = &b->uart.dev;
	b->driver = (struct driver){.dev = b->dev, .rx = b->received, .max_rx = sizeof(b->received)};
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	uart_destroy(&b->uart);
	irq_line_destroy(&b->irq);
	free(b);
	return 0;
}

/* Bytes that do not repeat with any small period. */
static void fill(uint8_t *data, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (uint8_t)(x >> 24);
	}
}

/* Is there a chip, does loopback work, has it FIFOs, and is it none of the 16550A's relatives? */
static void probe(struct bench *b)
{
	uint8_t ier = in8(b->dev, UART_IER), mcr = in8(b->dev, UART_MCR), iir;

	out8(b->dev, UART_IER, 0);
	assert_int_equal(in8(b->dev, UART_IER) & 0x0f, 0);
	out8(b->dev, UART_IER, 0x0f);
	assert_int_equal(in8(b->dev, UART_IER) & 0x0f, 0x0f);
	out8(b->dev, UART_IER, ier);

	out8(b->dev, UART_MCR, UART_MCR_LOOP | 0x0a);
	assert_int_equal(in8(b->dev, UART_MSR) & 0xf0, 0x90);
	out8(b->dev, UART_MCR, mcr);

	out8(b->dev, UART_LCR, UART_LCR_CONF_MODE_B);
	out8(b->dev, UART_EFR, 0);
	out8(b->dev, UART_LCR, 0);
	out8(b->dev, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in8(b->dev, UART_IIR) >> 6, 3);

	/* An enhanced feature register would read back. */
	out8(b->dev, UART_LCR, UART_LCR_CONF_MODE_A);
	assert_int_not_equal(in8(b->dev, UART_EFR), 0);
	out8(b->dev, UART_LCR, UART_LCR_CONF_MODE_B);
	assert_int_not_equal(in8(b->dev, UART_EFR), 0);
	/* National's bank select would show MCR's loopback bit in another place. */
	out8(b->dev, UART_LCR, 0);
	for (int loop = 0; loop < 2; loop++) {
		out8(b->dev, UART_MCR, loop ? UART_MCR_LOOP : 0);
		out8(b->dev, UART_LCR, 0xe0);
		assert_int_equal(in8(b->dev, UART_EFR) & UART_MCR_LOOP, 0);
		out8(b->dev, UART_LCR, 0);
	}
	out8(b->dev, UART_MCR, 0);
	/* TI's 64-byte FIFOs would show in IIR bit 5, with and without DLAB. */
	for (int dlab = 0; dlab < 2; dlab++) {
		out8(b->dev, UART_LCR, dlab ? UART_LCR_CONF_MODE_A : 0);
		out8(b->dev, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
		iir = in8(b->dev, UART_IIR);
		assert_int_equal(iir >> 5, 6);
		out8(b->dev, UART_FCR, UART_FCR_ENABLE_FIFO);
	}
	out8(b->dev, UART_LCR, 0);
	/* XScale's unit enable bit. */
	out8(b->dev, UART_IER, UART_IER_UUE);
	assert_int_equal(in8(b->dev, UART_IER), 0);
}

static void probe_finds_a_16550a(void **state)
{
	struct bench *b = *state;

	probe(b);
	assert_int_equal(b->host.nr_out, 0);
}

/* The FIFO is measured by sending 256 bytes to itself. */
static void fifo_measures_sixteen(void **state)
{
	struct bench *b = *state;
	size_t before = b->host.nr_out;
	int n = 0;

	out8(b->dev, UART_LCR, 0);
	out8(b->dev, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	out8(b->dev, UART_LCR, UART_LCR_CONF_MODE_A);
	out8(b->dev, UART_DLL, 1);
	out8(b->dev, UART_DLM, 0);
	out8(b->dev, UART_LCR, UART_LCR_WLEN8);
	for (int i = 0; i < 256; i++)
		out8(b->dev, UART_TX, (uint8_t)i);
	for (; (in8(b->dev, UART_LSR) & UART_LSR_DR) && n < 256; n++)
		assert_int_equal(in8(b->dev, UART_RX), n);
	assert_int_equal(n, UART_FIFO_DEPTH);
	assert_int_equal(b->host.nr_out, before);
	assert_int_equal(b->host.lost, 0);
}

/* The transmit interrupt has to come again when it is switched off and on: else Linux polls by a timer. */
static void transmit_interrupt_retriggers(void **state)
{
	struct bench *b = *state;

	driver_open(&b->driver, 0);
	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_int_equal(in8(b->dev, UART_IIR) & UART_IIR_ID, UART_IIR_THRI);
	assert_int_equal(in8(b->dev, UART_IIR) & UART_IIR_NO_INT, UART_IIR_NO_INT);
	out8(b->dev, UART_IER, 0);
	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_int_equal(in8(b->dev, UART_IIR) & UART_IIR_NO_INT, 0);
	out8(b->dev, UART_IER, 0);
	/* And at once, with the transmitter empty. */
	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_true(in8(b->dev, UART_LSR) & UART_LSR_TEMT);
	assert_int_equal(in8(b->dev, UART_IIR) & UART_IIR_NO_INT, 0);
	out8(b->dev, UART_IER, 0);
}

static void long_text_goes_out_by_interrupt(void **state)
{
	static uint8_t text[TEXT_BYTES];
	struct bench *b = *state;

	fill(text, sizeof(text));
	driver_open(&b->driver, UART_FCR_TRIGGER_8);
	driver_send(&b->driver, text, sizeof(text));
	while (irq_take(&b->irq))
		driver_irq(&b->driver);
	assert_int_equal(b->host.nr_out, sizeof(text));
	assert_memory_equal(b->host.out, text, sizeof(text));
	assert_int_equal(b->host.lost, 0);
	/* The handler goes on while IIR says so, so one run sends it all; the pulse of the last burst comes after. */
	assert_in_range(b->driver.irqs, 1, 2);
	assert_in_range(b->driver.empty_irqs, 0, 1);
}

static void slow_host_loses_nothing(void **state)
{
	static uint8_t text[TEXT_BYTES];
	struct bench *b = *state;
	size_t room = 1;

	fill(text, sizeof(text));
	b->host.room = 0;
	driver_open(&b->driver, UART_FCR_TRIGGER_8);
	driver_send(&b->driver, text, sizeof(text));
	for (;;) {
		while (irq_take(&b->irq))
			driver_irq(&b->driver);
		if (b->host.nr_out == sizeof(text))
			break;
		/* The driver stopped because the host is full, not because an interrupt went missing. */
		assert_int_equal(b->host.room, 0);
		assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_THRE, 0);
		room = room % 37 + 1;
		b->host.room = room;
		b->uart.guest.tx_room(&b->uart.guest);
	}
	assert_memory_equal(b->host.out, text, sizeof(text));
	assert_int_equal(b->host.lost, 0);
}

static void paste_arrives_whole(void **state)
{
	static const uint8_t triggers[] = {
		UART_FCR_TRIGGER_1, UART_FCR_TRIGGER_4, UART_FCR_TRIGGER_8, UART_FCR_TRIGGER_14};
	static uint8_t paste[PASTE_BYTES];
	struct bench *b = *state;

	fill(paste, sizeof(paste));
	for (size_t t = 0; t < ARRAY_SIZE(triggers); t++) {
		size_t sent = 0;

		driver_open(&b->driver, triggers[t]);
		b->driver.nr_rx = 0;
		while (sent < sizeof(paste)) {
			unsigned rooms = b->host.rx_rooms;
			size_t n = b->uart.guest.rx(&b->uart.guest, paste + sent, sizeof(paste) - sent);

			assert_in_range(n, 1, UART_FIFO_DEPTH);
			sent += n;
			assert_true(irq_take(&b->irq));
			driver_irq(&b->driver);
			assert_int_equal(b->host.rx_rooms, rooms + (sent < sizeof(paste)));
		}
		assert_int_equal(b->driver.nr_rx, sizeof(paste));
		assert_memory_equal(b->received, paste, sizeof(paste));
		assert_false(b->driver.overran);
		assert_int_equal(b->driver.empty_irqs, 0);
	}
}

/*
 * A host end with a script that has been there from the start, and that sends as much of it as is taken after every
 * single access of the guest.
 */
struct eager {
	struct device dev;
	struct uart *uart;
	const uint8_t *in;
	size_t in_left;
};

static void send_script(struct eager *e)
{
	size_t n = e->in_left ? e->uart->guest.rx(&e->uart->guest, e->in, e->in_left) : 0;

	e->in += n;
	e->in_left -= n;
}

static void eager_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct eager *e = container_of(dev, struct eager, dev);

	e->uart->dev.ops->read(&e->uart->dev, offset, data, len);
	send_script(e);
}

static void eager_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct eager *e = container_of(dev, struct eager, dev);

	e->uart->dev.ops->write(&e->uart->dev, offset, data, len);
	send_script(e);
}

/* How a boot uses the port: early console or none, probe, console, and at last a program that opens it. */
static void a_script_waits_for_the_driver(void **state)
{
	static const struct device_ops ops = {.read = eager_read, .write = eager_write};
	static const char script[] = "first line\nsecond line\nand one that is longer than both FIFOs\n";
	const size_t len = sizeof(script) - 1;

	for (int early = 0; early < 2; early++) {
		struct bench *b;
		struct eager e;

		assert_int_equal(set_up((void **)&b), 0);
		e = (struct eager){
			.dev = {&ops, "eager"}, .uart = &b->uart, .in = (const uint8_t *)script, .in_left = len};
		b->dev = b->driver.dev = &e.dev;
		if (early) {
			out8(b->dev, UART_LCR, UART_LCR_WLEN8);
			out8(b->dev, UART_IER, 0);
			out8(b->dev, UART_FCR, 0);
			out8(b->dev, UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
			driver_console(&b->driver, "Linux version\n");
		}
		probe(b);
		fifo_measures_sixteen((void **)&b);
		out8(b->dev, UART_MCR, early ? UART_MCR_DTR | UART_MCR_RTS : 0);
		out8(b->dev, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
		out8(b->dev, UART_FCR, 0);
		in8(b->dev, UART_RX);
		out8(b->dev, UART_IER, 0);
		out8(b->dev, UART_MCR, UART_MCR_DTR);
		for (int i = 0; i < 100; i++)
			driver_console(&b->driver, "a line of the kernel's\n");
		driver_open(&b->driver, UART_FCR_TRIGGER_8);
		while (irq_take(&b->irq))
			driver_irq(&b->driver);
		assert_int_equal(b->driver.nr_rx, len);
		assert_memory_equal(b->received, script, len);
		assert_false(b->driver.overran);
		assert_int_equal(tear_down((void **)&b), 0);
	}
}

/*
 * The host end as the console implements it: a bounded buffer under a lock of its own, drained by a loop that also
 * offers input. Nothing of it is called with its lock held.
 */
struct busy_host {
	struct char_host host;
	struct uart *uart;
	pthread_mutex_t lock;
	uint8_t ring[50];
	size_t queued;
	bool starved; /* the device was told "full" */
	bool room;    /* the device has room for input again */
	uint8_t out[STRESS_BYTES];
	size_t nr_out;
	size_t lost;
	const uint8_t *in;
	size_t in_left;
	_Atomic bool stop;
};

static size_t busy_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct busy_host *b = container_of(h, struct busy_host, host);
	size_t take;

	pthread_mutex_lock(&b->lock);
	take = MIN(n, sizeof(b->ring) - b->queued);
	memcpy(b->ring + b->queued, data, take);
	b->queued += take;
	if (take < n)
		b->starved = true;
	pthread_mutex_unlock(&b->lock);
	return take;
}

static void busy_rx_room(struct char_host *h)
{
	struct busy_host *b = container_of(h, struct busy_host, host);

	pthread_mutex_lock(&b->lock);
	b->room = true;
	pthread_mutex_unlock(&b->lock);
}

static void busy_tx_lost(struct char_host *h, size_t n)
{
	struct busy_host *b = container_of(h, struct busy_host, host);

	pthread_mutex_lock(&b->lock);
	b->lost += n;
	pthread_mutex_unlock(&b->lock);
}

static void *busy_loop(void *arg)
{
	struct busy_host *b = arg;

	while (!b->stop) {
		bool starved, room;

		pthread_mutex_lock(&b->lock);
		memcpy(b->out + b->nr_out, b->ring, b->queued);
		b->nr_out += b->queued;
		b->queued = 0;
		starved = b->starved;
		b->starved = false;
		room = b->room;
		b->room = false;
		pthread_mutex_unlock(&b->lock);
		if (starved)
			b->uart->guest.tx_room(&b->uart->guest);
		if (room && b->in_left) {
			size_t n = b->uart->guest.rx(&b->uart->guest, b->in, b->in_left);

			b->in += n;
			b->in_left -= n;
		}
	}
	return NULL;
}

/* Both directions at once. A pulse that goes missing ends in the poll's timeout. */
static void two_threads(void **state)
{
	static uint8_t out[STRESS_BYTES], in[STRESS_BYTES];
	struct bench *b = *state;
	struct driver *d = &b->driver;
	struct busy_host *h = calloc(1, sizeof(*h));
	pthread_t loop;

	assert_non_null(h);
	fill(out, sizeof(out));
	memcpy(in, out, sizeof(in));
	uart_destroy(&b->uart);
	*h = (struct busy_host){.host = {busy_tx, busy_rx_room, busy_tx_lost},
		.uart = &b->uart,
		.in = in,
		.in_left = sizeof(in),
		.room = true};
	pthread_mutex_init(&h->lock, NULL);
	assert_int_equal(uart_init(&b->uart, &b->irq, &h->host), 0);
	driver_open(d, UART_FCR_TRIGGER_8);
	assert_int_equal(pthread_create(&loop, NULL, busy_loop, h), 0);
	driver_send(d, out, sizeof(out));
	while (d->tx_left || d->nr_rx < sizeof(in)) {
		struct pollfd p = {.fd = b->irq.fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, 10000), 1);
		assert_true(irq_take(&b->irq));
		driver_irq(d);
	}
	while (!(in8(b->dev, UART_LSR) & UART_LSR_TEMT))
		;
	h->stop = true;
	pthread_join(loop, NULL);
	memcpy(h->out + h->nr_out, h->ring, h->queued);
	assert_int_equal(h->nr_out + h->queued, sizeof(out));
	assert_memory_equal(h->out, out, sizeof(out));
	assert_memory_equal(b->received, in, sizeof(in));
	assert_int_equal(h->lost, 0);
	assert_false(d->overran);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(probe_finds_a_16550a),
		BENCH_TEST(fifo_measures_sixteen),
		BENCH_TEST(transmit_interrupt_retriggers),
		BENCH_TEST(long_text_goes_out_by_interrupt),
		BENCH_TEST(slow_host_loses_nothing),
		BENCH_TEST(paste_arrives_whole),
		cmocka_unit_test(a_script_waits_for_the_driver),
		BENCH_TEST(two_threads),
	};

	return run_group(tests);
}
