/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of KVM this is. A processor that shows SVM may be a program (QEMU's TCG, Bochs), or lent by another
 * hypervisor: figures of the three have nothing in common.
 */
#ifndef VMM_CHECK_KVM_KIND_H
#define VMM_CHECK_KVM_KIND_H

#include <stdbool.h>
#include <stddef.h>

/**
 * enum kvm_kind
 * @KVM_KIND_HARDWARE: the processor's own virtualization
 * @KVM_KIND_NESTED: of a processor that another hypervisor lends
 * @KVM_KIND_EMULATED: of a processor that is a program
 * @KVM_KIND_UNCLEAR: nested or emulated: the host is a guest of a hypervisor that does both, and does not say
 * @KVM_KIND_SOFTWARE: the processor has none: the KVM does without
 */
enum kvm_kind {
	KVM_KIND_HARDWARE,
	KVM_KIND_NESTED,
	KVM_KIND_EMULATED,
	KVM_KIND_UNCLEAR,
	KVM_KIND_SOFTWARE,
};

/**
 * struct kvm_signs - what it is told by; texts are borrowed, NULL: there is none
 * @extension: kvm_hardware()
 * @module: the kernel's module, as in /sys/module
 * @signature: of the hypervisor that this host is a guest of: CPUID leaf 0x40000000
 * @machine: vendor and product as the firmware (DMI) has them
 * @type: /sys/hypervisor/type
 */
struct kvm_signs {
	const char *extension;
	const char *module;
	const char *signature;
	const char *machine;
	const char *type;
};

/**
 * kvm_kind_of() - which it is
 * @text: room for @size bytes; the kind as text, such as "AMD SVM (kvm_amd), emulated by QEMU TCG"
 */
enum kvm_kind kvm_kind_of(const struct kvm_signs *s, char *text, size_t size);

/** kvm_kind_name() - for programs: "hardware", "nested", "emulated", "nested or emulated", "software" */
const char *kvm_kind_name(enum kvm_kind kind);

#endif
