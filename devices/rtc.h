/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MC146818 real-time clock of a PC and its CMOS RAM, at an index and a data register.
 *
 * The time is the host's, in UTC, plus an offset that the guest sets. There are no interrupts (alarm, periodic, update
 * ended): register B stores their enable bits, register C never has one pending. Linux only reads the time.
 * Update-in-progress is set for the last 244 us of each second, as on the chip, and after reading the seconds a driver
 * gets all other fields of the same moment.
 *
 * Spec: Motorola MC146818A data sheet, "Memory" and "Registers".
 */
#ifndef DEVICES_RTC_H
#define DEVICES_RTC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "vmm/base/device.h"
#include "vmm/base/state.h"

#define RTC_SIZE     2 /* index, data */
#define RTC_RAM_SIZE 128
#define RTC_UIP_NS   244000

/**
 * enum rtc_reg - what the index register selects; the rest is battery-backed RAM
 *
 * The sizes of RAM are in the registers that Bochs and QEMU use for their firmware.
 */
enum rtc_reg {
	RTC_SECONDS = 0x00,
	RTC_MINUTES = 0x02,
	RTC_HOURS = 0x04,
	RTC_WEEKDAY = 0x06, /* 1 is Sunday */
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	RTC_SHUTDOWN = 0x0f,
	RTC_BASE_KIB = 0x15,     /* 2 bytes: RAM below 1 MiB */
	RTC_EXT_KIB = 0x17,      /* 2 bytes: RAM above 1 MiB in KiB, at most 0xffff */
	RTC_EXT_KIB_POST = 0x30, /* the same */
	RTC_CENTURY = 0x32,
	RTC_EXT_64K = 0x34,  /* 2 bytes: RAM from 16 MiB up to the 32-bit hole, in units of 64 KiB */
	RTC_HIGH_64K = 0x5b, /* 3 bytes: RAM above 4 GiB, in units of 64 KiB */
};

#define RTC_A_UIP     0x80
#define RTC_A_DIVIDER 0x26 /* 32,768 Hz crystal, 1,024 Hz periodic rate: the value that firmware sets */
#define RTC_B_SET     0x80 /* the guest is setting the time: no updates */
#define RTC_B_BINARY  0x04 /* else BCD */
#define RTC_B_24H     0x02 /* else 12 hours, bit 7 of the hours is PM */
#define RTC_D_VALID   0x80
#define RTC_HOURS_PM  0x80

/**
 * struct rtc_regs - plain data, copied as it is to save or restore it
 * @index: selected register; bit 7 of what was written, the NMI mask, is dropped
 * @ram: registers and CMOS RAM; the fields of time are valid as of @fields_ns
 * @offset_s: guest's time less host's time
 * @fields_ns: host time (CLOCK_REALTIME) of the fields in @ram, INT64_MIN: stale
 */
struct rtc_regs {
	uint8_t index;
	uint8_t ram[RTC_RAM_SIZE];
	int64_t offset_s;
	int64_t fields_ns;
};

/**
 * struct rtc
 * @now: returns the host's time in ns since 1970 UTC; a test replaces it
 */
struct rtc {
	struct device dev;
	int64_t (*now)(const struct rtc *r);
	pthread_mutex_t lock;
	struct rtc_regs regs;
};

/**
 * rtc_init()
 * @ram_size: total bytes of guest RAM
 *
 * Return: 0 or a negative errno.
 */
int rtc_init(struct rtc *r, uint64_t ram_size);

/** rtc_destroy() - takes NULL */
void rtc_destroy(struct rtc *r);

/**
 * rtc_save(), rtc_restore() - the state that a guest can observe; vmm/base/state.h
 *
 * The time goes on with the host's; what the guest set it off by stays.
 *
 * Return: 0 or -EINVAL, with a message in @e; then the device is as it was. Context: no vCPU runs. Trust: guest.
 */
void rtc_save(struct rtc *rtc, struct state_writer *w);
int rtc_restore(struct rtc *rtc, struct state_reader *r, struct err *e);

#endif
