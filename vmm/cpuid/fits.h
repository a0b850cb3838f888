/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a guest with one CPUID can run on a host that would give it a different one: a restored machine keeps its
 * CPUID, since the guest has already read it.
 */
#ifndef VMM_CPUID_FITS_H
#define VMM_CPUID_FITS_H

#include "vmm/cpuid/cpuid.h"

struct cpuid_words;

/**
 * cpuid_fits() - does a host have all features in the guest's CPUID?
 * @guest: hostile: any entries
 * @host: what cpuid_policy() gives a new guest with the same options on this host
 *
 * Vendor and layout of the XSAVE area have to be equal, and each feature of @guest has to be one of @host. Numbers,
 * such as cache sizes and models, may differ.
 *
 * Return: 0, -ENOTSUP with a message in @e, -ENOMEM. Trust: guest.
 */
int cpuid_fits(const struct cpuid_set *guest, const struct cpuid_set *host, struct err *e);

/**
 * cpuid_features() - call @fn with the name of each feature that a guest has
 * @words: of cpuid_words_unpack()
 *
 * A feature is a bit with a row of its own that a host may have or not have.
 */
void cpuid_features(const struct cpuid_set *guest, const struct cpuid_words *words,
	void (*fn)(const char *name, void *arg), void *arg);

#endif
