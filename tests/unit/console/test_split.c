// SPDX-License-Identifier: Apache-2.0
/* One console for the serial port and hvc0: where input goes, and when. */
#include <errno.h>
#include <linux/serial_reg.h>
#include <string.h>

#include "devices/uart16550.h"
#include "tests/support/chip.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/console/split.h"

#define RX 0

struct bench {
	struct vq_driver d;
	struct fake_host host;
	struct irq_line irq;
	struct uart uart;
	struct virtio_console hvc;
	struct console_split split;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	fake_host_init(&b->host);
	vqd_init(&b->d, 4 * MIB);
	if (irq_line_init(&b->irq) || uart_init(&b->uart, &b->irq, &b->host.host) ||
		virtio_console_init(&b->hvc, &b->host.host, &b->d.mem, b->d.loop, b->d.trace))
		return -1;
	vqd_attach(&b->d, &b->hvc.dev);
	console_split_init(&b->split, &b->uart.guest, &b->hvc);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	vqd_detach(&b->d);
	virtio_console_destroy(&b->hvc);
	vqd_destroy(&b->d);
	uart_destroy(&b->uart);
	irq_line_destroy(&b->irq);
	free(b);
	return 0;
}

static size_t type(struct bench *b, const char *text)
{
	return b->split.guest.rx(&b->split.guest, (const uint8_t *)text, strlen(text));
}

static void offer_buffer(struct bench *b)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, 64, 1), 64, true};

	vqd_offer(&b->d, RX, vqd_add(&b->d, RX, &buf, 1, false));
	vqd_kick(&b->d, RX);
	vqd_run(&b->d);
}

/* Input that was not read before hvc0's driver started goes to hvc0, and the host end is notified of free space. */
static void a_script_waits_for_either_line(void **state)
{
	struct bench *b = *state;
	uint16_t head;
	uint32_t len;

	assert_int_equal(type(b, "script"), 0);
	assert_true(vqd_start(&b->d, VIRTIO_F_EVENT_IDX));
	assert_int_equal(b->host.rx_rooms, 1);
	assert_int_equal(type(b, "script"), 0);
	for (unsigned i = 0; i < b->d.queue[RX].size; i++)
		offer_buffer(b);
	assert_true(vqd_used(&b->d, RX, &head, &len));
	assert_int_equal(len, 0);
	assert_int_equal(b->host.rx_rooms, 1);
	offer_buffer(b);
	assert_int_equal(b->host.rx_rooms, 2);
	assert_int_equal(type(b, "script"), 6);
	assert_true(vqd_used(&b->d, RX, &head, &len));
	assert_int_equal(len, 6);
	assert_int_equal(in8(&b->uart.dev, UART_LSR) & UART_LSR_DR, 0);
}

/* A driver that takes interrupts. */
static void open_serial(struct bench *b)
{
	out8(&b->uart.dev, UART_MCR, UART_MCR_OUT2);
	out8(&b->uart.dev, UART_IER, UART_IER_RDI);
}

static void the_serial_port_has_it_before(void **state)
{
	struct bench *b = *state;

	open_serial(b);
	assert_int_equal(type(b, "s"), 1);
	assert_int_equal(in8(&b->uart.dev, UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	assert_int_equal(in8(&b->uart.dev, UART_RX), 's');
	assert_true(vqd_start(&b->d, VIRTIO_F_EVENT_IDX));
	assert_int_equal(type(b, "h"), 0);
	/* Its driver leaves. */
	vqd_set(&b->d, VQD_STATUS, 0);
	assert_int_equal(type(b, "s"), 1);
}

static void only_the_serial_port_has_break(void **state)
{
	struct bench *b = *state;
	struct char_guest *g = &b->split.guest;

	assert_int_equal(g->rx_break(g), -EAGAIN);
	open_serial(b);
	assert_int_equal(g->rx_break(g), 0);
	assert_int_equal(in8(&b->uart.dev, UART_LSR) & UART_LSR_BI, UART_LSR_BI);
	assert_true(vqd_start(&b->d, VIRTIO_F_EVENT_IDX));
	assert_int_equal(g->rx_break(g), -ENOTTY);
	assert_int_equal(in8(&b->uart.dev, UART_RX), 0);
	assert_int_equal(in8(&b->uart.dev, UART_LSR) & UART_LSR_DR, 0);
	/* A machine without hvc0. */
	console_split_init(&b->split, &b->uart.guest, NULL);
	assert_int_equal(g->rx_break(g), 0);
	assert_int_equal(type(b, "x"), 0);
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_script_waits_for_either_line),
		BENCH_TEST(the_serial_port_has_it_before),
		BENCH_TEST(only_the_serial_port_has_break),
	};

	return run_group(tests);
}
