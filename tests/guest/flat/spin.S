# SPDX-License-Identifier: Apache-2.0
# Never ends by itself.
	.include "flat.inc"
start:
	jmp	start
