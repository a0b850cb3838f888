// SPDX-License-Identifier: Apache-2.0
#include "boot/resetvec.h"

#include <string.h>

#include "vmm/base/le.h"

#define I8042_COMMAND 1    /* part index: port 0x64 */
#define I8042_RESET   0xfe /* pulse the reset line */

void resetvec_build(const struct board *board, uint8_t code[RESETVEC_SIZE])
{
	static const uint8_t out[] = {
		0xfa,       /* cli */
		0xb0, 0x00, /* mov al, VALUE */
		0xba, 0, 0, /* mov dx, PORT */
		0xee,       /* out dx, al */
	};
	static const uint8_t halt[] = {
		0xfa,       /* cli */
		0xf4,       /* hlt */
		0xeb, 0xfc, /* jmp to the cli */
	};
	const struct board_part *power = board_find(board, BOARD_POWER, 0);
	const struct board_part *i8042 = board_find(board, BOARD_I8042, I8042_COMMAND);
	size_t n = 0;

	memset(code, 0, RESETVEC_SIZE);
	if (power || i8042) {
		memcpy(code, out, sizeof(out));
		code[2] = power ? POWER_RESET_VALUE : I8042_RESET;
		le16_put(code + 4, (uint16_t)(power ? power->base + POWER_RESET : i8042->base));
		n = sizeof(out);
	}
	memcpy(code + n, halt, sizeof(halt));
}
