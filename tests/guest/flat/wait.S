# SPDX-License-Identifier: Apache-2.0
# Waits for a key and ends.
	.include "flat.inc"
start:
	in	$PORT_KEY, %al
	finish
