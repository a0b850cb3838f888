/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KVM virtual machine, independent of what runs in it: RAM, interrupt controllers, CPUs, two buses. vmm/machine makes
 * a Linux machine from it.
 */
#ifndef VMM_KVM_VM_H
#define VMM_KVM_VM_H

#include <pthread.h>
#include <stdatomic.h>

#include "vmm/base/bus.h"
#include "vmm/base/irq.h"
#include "vmm/kvm/memory.h"
#include "vmm/kvm/vcpu.h"

/**
 * struct vm_maker - a thread that makes a VM
 * @running: @thread has to be joined before the other members are read
 * @result: of KVM_CREATE_VM: the VM's fd or a negative errno
 * @took_ns: the time it took
 */
struct vm_maker {
	pthread_t thread;
	bool running;
	int result;
	uint64_t took_ns;
};

/**
 * struct vm - owns everything in it but @kvm; zero-initialised, then vm_create() or vm_create_begin()
 * @fd: the VM, or -1
 * @maker: between vm_create_begin() and vm_create_end()
 * @shown: the mapping of vm_show(), @shown_size bytes at @shown_gpa; NULL: none
 * @has_irqchip, @has_pit: vm_add_irqchip() and vm_add_pit() have been called
 * @direct: of lines that vm_attach_irq() attaches after vm_deliver_directly(); without @pulse there are none
 * @muted: see vm_mute_irqs()
 * @began_ns: since vm_restore(): CLOCK_MONOTONIC when the guest's clocks were, or would have been, what was saved
 * @vcpu: @nr_vcpus of them, in an array that does not move
 */
struct vm {
	struct kvm *kvm;
	int fd;
	struct vm_maker maker;
	struct memory memory;
	uint8_t *shown;
	uint64_t shown_gpa;
	uint64_t shown_size;
	struct bus pio;
	struct bus mmio;
	bool has_irqchip;
	bool has_pit;
	struct irq_direct direct;
	_Atomic bool muted;
	uint64_t began_ns;
	struct vcpu *vcpu;
	unsigned nr_vcpus;
};

/**
 * vm_create() - KVM_CREATE_VM
 *
 * Return: 0 or a negative errno. @vm can be destroyed either way.
 */
int vm_create(struct kvm *kvm, struct vm *vm, struct err *e);

/**
 * vm_create_begin() - start KVM_CREATE_VM in a thread of its own, for vm_create_end()
 *
 * KVM's thread for huge pages used to be a kernel thread that is moved to our control group, which waits for RCU, 9 to
 * 12 ms, unless the host's cgroup file system is mounted with favordynmods (Linux 6.0 to 6.13). Our thread only makes
 * this request: no allocation, no trace event, no access to another member of @vm.
 *
 * KVM names a VM's directory in debugfs after the thread that made it.
 *
 * Context: after stage CONFINE of the sandbox, as every thread; before LOCK. @vm must not move until vm_create_end().
 * Meanwhile only @vm->memory may be used.
 */
void vm_create_begin(struct kvm *kvm, struct vm *vm);

/**
 * vm_create_end() - wait for the thread; then the VM is in the state after vm_create()
 *
 * Return: 0 or a negative errno. @vm can be destroyed either way, and without this call too.
 */
int vm_create_end(struct vm *vm, struct err *e);

/**
 * vm_set_memory() - transfer RAM to the VM; @memory is empty afterwards
 *
 * Context: before vm_add_irqchip(), see memory_attach().
 */
int vm_set_memory(struct vm *vm, struct memory *memory, struct err *e);

/** vm_attach_memory() - the same for RAM that was put into @vm->memory before the VM was created */
int vm_attach_memory(struct vm *vm, struct err *e);

/**
 * vm_show() - map memory that the guest reads without an exit; its writes exit as MMIO, or signal an eventfd of
 * vm_attach_kick()
 * @gpa, @size: whole pages outside RAM, so that no device reaches them by DMA; initially zero
 *
 * Does nothing if KVM has no read-only slots: then reads exit too.
 *
 * Context: once, after vm_set_memory() and before vm_add_irqchip(), see memory_attach().
 */
int vm_show(struct vm *vm, uint64_t gpa, uint64_t size, struct err *e);

/** vm_shown() - the host address of what the guest reads at @gpa; NULL when vm_show() did nothing */
void *vm_shown(const struct vm *vm, uint64_t gpa);

/**
 * vm_add_irqchip() - in-kernel PIC, I/O APIC and local APICs
 *
 * Context: before any vCPU.
 */
int vm_add_irqchip(struct vm *vm, struct err *e);

/** vm_add_blank_irqchip() - the same, as KVM makes them: for vm_restore() to write their state */
int vm_add_blank_irqchip(struct vm *vm, struct err *e);

/**
 * vm_add_pit() - add an in-kernel PIT with port 0x61, in the state after firmware has run, with what the guest has
 * written
 * @control: the guest's first control word, 0: none yet
 * @speaker: PIT_SPEAKER_ bits
 *
 * It makes the teardown of the VM 12 to 28 ms longer.
 *
 * Return: 0 or a negative errno.
 * Context: any thread, any time after vm_add_irqchip(); takes milliseconds.
 */
int vm_add_pit(struct vm *vm, uint8_t control, uint8_t speaker, struct err *e);

/** vm_tsc_khz() - the rate of the guest's TSC; 0 if KVM does not report it (before Linux 5.18) */
uint32_t vm_tsc_khz(struct vm *vm);

/** vm_hide_pmu() - hide performance counters from the guest, if KVM can (KVM_CAP_PMU_CAPABILITY); before any vCPU */
int vm_hide_pmu(struct vm *vm, struct err *e);

/** vm_attach_irq() - pulses of @line raise @gsi (KVM_IRQFD, edge) */
int vm_attach_irq(struct vm *vm, struct irq_line *line, uint32_t gsi, struct err *e);

/**
 * vm_deliver_directly() - lines that are attached from now on raise their interrupts by KVM_IRQ_LINE, in the thread
 * that pulses them
 *
 * A worker thread of KVM delivers what is pulsed by KVM_IRQFD, at any time later. Here nothing is under way when no
 * thread is in irq_raise().
 */
void vm_deliver_directly(struct vm *vm);

/**
 * vm_mute_irqs() - drop the pulses of such lines, while devices take a state of which KVM has the interrupts already
 *
 * Context: no other thread raises a line.
 */
void vm_mute_irqs(struct vm *vm, bool muted);

/**
 * vm_attach_kick() - a guest's write of @value to the 4 bytes at @gpa signals @fd and does not leave KVM
 * (KVM_IOEVENTFD)
 * @fd: an eventfd; borrowed until the VM is destroyed
 */
int vm_attach_kick(struct vm *vm, uint64_t gpa, uint32_t value, int fd, struct err *e);

/** vm_add_vcpus() - create @n CPUs with APIC ids from 0 */
int vm_add_vcpus(struct vm *vm, unsigned n, struct err *e);

/** vm_access() - serve a VCPU_PIO or VCPU_MMIO exit from the buses. Any vCPU thread. Trust: guest. */
void vm_access(struct vm *vm, const struct vcpu_exit *x);

/** vm_destroy() - takes NULL and a partly built VM; no thread may step its vCPUs any more */
void vm_destroy(struct vm *vm);

#endif
