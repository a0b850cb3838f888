/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program without a kernel finds at its I/O ports: its hypercalls. The wiring and the table in vmm-flat(1) are
 * made from this one.
 *
 * X(id, first port, ports, what it does): *NAME* stands out in the manual.
 */
#ifndef VMM_PROGRAM_FLAT_PORTS_H
#define VMM_PROGRAM_FLAT_PORTS_H

#define FLAT_PORTS(X)                                                                                                  \
	X(NUMBER, 0xe0, 4,                                                                                             \
		"OUT prints the number of 8, 16 or 32 bits in decimal, without a sign, a blank or a newline.")         \
	X(SIGNED, 0xe4, 4, "OUT prints the number of 8, 16 or 32 bits in decimal, with a minus sign if it has one.")   \
	X(CONSOLE, 0xe9, 1,                                                                                            \
		"OUT of 8 bits prints a character; OUTSB prints a string in few exits.\n"                              \
		"IN gives 0xe9, by which a program knows that the port is there.\n"                                    \
		"This is the debug console of Bochs and QEMU.")                                                        \
	X(KEY, 0xec, 4,                                                                                                \
		"IN waits for a key and gives its code, 0 to 255.\n"                                                   \
		"At the end of the input all bits are set: -1 in 16 or 32 bits, 0xff in 8.")                           \
	X(EXIT, 0xf4, 4, "OUT of N ends the program with exit status 2N+1, as QEMU's isa-debug-exit does.")            \
	X(SERIAL, 0x3f8, 8,                                                                                            \
		"A serial port, 16550A, to be polled: it prints what is sent, and receives the keys.\n"                \
		"It has no interrupt.")

/* clang-format off */
enum flat_port {
#define X(id, port, ports, text) FLAT_PORT_##id = (port),
	FLAT_PORTS(X)
#undef X
};

#define FLAT_PORT_SIZE(id) ((uint64_t)FLAT_PORT_SIZE_##id)
enum flat_port_size {
#define X(id, port, ports, text) FLAT_PORT_SIZE_##id = (ports),
	FLAT_PORTS(X)
#undef X
};
/* clang-format on */

#endif
