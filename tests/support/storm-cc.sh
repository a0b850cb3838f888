#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: storm-cc.sh OUT: builds tests/guest/storm.c, a guest without a kernel or a C library
exec gcc -O2 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -mcmodel=large \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -nostdlib -static -no-pie \
	-Wl,-Ttext=0x200000,--build-id=none,-z,noexecstack,-z,max-page-size=4096 -o "$1" tests/guest/storm.c
