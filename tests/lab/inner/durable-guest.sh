# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# In the guest of tests/lab/durable.test. run=NAME and rounds=N come from the kernel's command line.
# shellcheck disable=SC2046,SC2154 # words of a line; settings
echo "$run: modules" $(lsmod | awk '/^virtio_(mmio|blk) / { print $1 }' | sort) "of $(uname -r)"
echo 'write through' >/sys/block/vdd/cache_type
echo "$run: cache $(cat /sys/block/vd[a-d]/cache_type | tr '\n' ',')"
flushed write "$run" "$rounds" /dev/vda=sync /dev/vdb=dsync /dev/vdc=direct /dev/vdd=through
