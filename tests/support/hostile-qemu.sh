#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: hostile-qemu.sh HOSTILE.ELF WHAT OUT: runs the hostile driver against QEMU's devices, as an independent
# implementation, in an empty directory that becomes the current one; the verdicts are in OUT. A row that fails there
# and has a reason for that in its table counts as one that differs. QEMU has no sockets without vhost.
set -eu
elf=$(realpath "$1") what=$2 out=$(realpath "$3")
truncate -s 8M disk ro
exec timeout -k 5 "${LIMIT:-120}" qemu-system-x86_64 -M microvm,rtc=off,isa-serial=on,auto-kernel-cmdline=off -accel tcg -cpu max -m 128M \
	-nodefaults -no-user-config -nographic -no-reboot -kernel "$elf" -append "peer at=0xfeb00000,0x200,24 case=$what" \
	-serial "file:$out" -device isa-debug-exit,iobase=0xf4,iosize=4 -global virtio-mmio.force-legacy=false \
	-drive id=d,file=disk,format=raw,if=none,discard=unmap -device virtio-blk-device,drive=d,serial=hostile-disk \
	-drive id=r,file=ro,format=raw,if=none,readonly=on -device virtio-blk-device,drive=r \
	-netdev user,id=n,net=10.7.0.0/24,host=10.7.0.1 -device virtio-net-device,netdev=n,ctrl_vq=off \
	-device virtio-rng-device -device virtio-serial-device,max_ports=1 -chardev file,id=c,path=console \
	-device virtconsole,chardev=c -device virtio-balloon-device,free-page-reporting=on
