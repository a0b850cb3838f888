/* SPDX-License-Identifier: Apache-2.0 */
/* What a unit test's threads hold and have taken: tests/support/locks.c, which all of them are linked with. */
#ifndef TESTS_SUPPORT_LOCKS_H
#define TESTS_SUPPORT_LOCKS_H

/** locks_held() - how many the calling thread holds now */
unsigned locks_held(void);

/** locks_taken() - how many times the calling thread has taken one */
unsigned locks_taken(void);

#endif
