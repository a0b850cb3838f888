/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of the marker (marker.h), for vmm and for programs in a guest (tools/vmm-mark.c): numbers alone.
 *
 * They are ports from MARKER_PORT on, and the same registers at the address MARKER_ADDRESS: a program has the ones by
 * ioperm(2), the others by /dev/mem.
 *
 * | at | bytes | read | written |
 * |---|---|---|---|
 * | MARKER_ID | 4 | MARKER_ID_VALUE | nothing happens |
 * | MARKER_CONTROL | 4 | MARKER_IS_ bits | a command, by one write |
 * | MARKER_DATA | 4 | the next bytes of the answer, zeroes behind its end | the next bytes of the argument |
 * | MARKER_LEFT | 4 | how many bytes of the answer are left | nothing happens |
 *
 * All little-endian, and of any width: each byte that is accessed at MARKER_DATA is a byte of the answer or of the
 * argument, so that INS and OUTS move strings. A command takes the argument that was written before it, drops it, and
 * begins its answer:
 *
 * | command | argument | answer |
 * |---|---|---|
 * | MARKER_CLEAR | any, which is dropped | none |
 * | MARKER_MARK | a name, 1 to 63 printable bytes without blanks | none: the guest has reached a point of this name |
 * | MARKER_SEED | none | 64 random bytes that no other guest has; once for each time that the guest was restored |
 * | MARKER_CLONE | none | two numbers of 4 bytes: which clone it is, from 1, and of how many; 0 unless restored |
 * | MARKER_WORD | none | the word of `vmm restore --word` |
 * | MARKER_BUFFER | 8 bytes, an address, and 4, a size, of RAM | none: frames of `vmm restore --each-frame` go there |
 * | MARKER_FRAME | none | 4 bytes, the length of the frame that is in the buffer; none where there is no frame |
 *
 * A guest that sets a mark stands in it until MARKER_IS_BUSY is clear: if a snapshot is written at the mark, it begins
 * there. The sequence is one guest program's at a time: programs agree on a lock among themselves.
 */
#ifndef DEVICES_MARKER_REGS_H
#define DEVICES_MARKER_REGS_H

#define MARKER_PORT    0x620
#define MARKER_ADDRESS 0xcfffe000
#define MARKER_ID      0
#define MARKER_CONTROL 4
#define MARKER_DATA    8
#define MARKER_LEFT    12
#define MARKER_SIZE    16

#define MARKER_ID_VALUE 0x4b4d4d56u /* "VMMK" */

#define MARKER_IS_BUSY     0x1u /* a snapshot is written because of the mark: wait */
#define MARKER_IS_RESTORED 0x2u /* the guest goes on from a snapshot */
#define MARKER_IS_FRESH    0x4u /* MARKER_SEED has an answer: the random number generator is not the guest's own yet */
#define MARKER_IS_REFUSED  0x8u /* the last command: an unknown one, or its argument does not fit */

#define MARKER_CLEAR  0
#define MARKER_MARK   1
#define MARKER_SEED   2
#define MARKER_CLONE  3
#define MARKER_WORD   4
#define MARKER_BUFFER 5
#define MARKER_FRAME  6

#define MARKER_ARGUMENT_MAX 64
#define MARKER_SEED_SIZE    64
#define MARKER_CLONE_SIZE   8
#define MARKER_WORD_MAX     4096
#define MARKER_BUFFER_SIZE  12
#define MARKER_FRAME_SIZE   4

#endif
