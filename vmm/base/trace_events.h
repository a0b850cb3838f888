/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All events of the program. The log, the report and the trace file are generated from this table.
 *
 * E(id, level, kind, "format", arguments...): one `%` in the format per argument. Argument types: U unsigned, X
 * hexadecimal, S string (copied, cut at TRACE_STRING_MAX), T a time in ns (printed as ms). Kinds: PHASE (a step of
 * start-up, of the guest's boot according to its console, or of teardown), INFO (anything else, in bounded number),
 * GUEST (the guest can cause it at will: rate-limited). PHASE events are also rows of vmm/report/phases.c.
 *
 * Arguments are written A0, A1(type, name), A2(type, name, type, name) and so on.
 */
#ifndef VMM_BASE_TRACE_EVENTS_H
#define VMM_BASE_TRACE_EVENTS_H

#define TRACE_EVENTS(E)                                                                                                \
	E(start, TRACE, PHASE, "start (% ms of CPU before main)", A1(T, cpu_before_main))                              \
	E(config_ready, TRACE, PHASE, "configuration read", A0)                                                        \
	E(report_ready, TRACE, PHASE, "files of report and trace opened", A0)                                          \
	E(files_opened, TRACE, PHASE, "files opened", A0)                                                              \
	E(kvm_opened, TRACE, PHASE, "KVM opened (API %, max vCPUs %)", A2(U, api, U, max_vcpus))                       \
	E(vm_creating, TRACE, PHASE, "creating VM", A0)                                                                \
	E(vm_created, TRACE, PHASE, "VM created in % ms, % of them waited for", A2(T, took, T, waited))                \
	E(cpuid_ready, TRACE, PHASE, "CPUID configured (% entries)", A1(U, entries))                                   \
	E(memory_ready, TRACE, PHASE, "guest memory allocated (% bytes, %)", A2(U, bytes, S, backing))                 \
	E(irqchip_ready, TRACE, PHASE, "interrupt controllers created", A0)                                            \
	E(kernel_loading, TRACE, PHASE, "loading kernel %", A1(S, path))                                               \
	E(kernel_loaded, TRACE, PHASE, "kernel loaded (%, % to %, entry %)",                                           \
		A4(S, format, X, load_start, X, load_end, X, entry))                                                   \
	E(initrd_loaded, TRACE, PHASE, "initrd loaded (% bytes at %)", A2(U, bytes, X, gpa))                           \
	E(tables_ready, TRACE, PHASE, "boot parameters, page tables, ACPI and MP table written", A0)                   \
	E(serial_ready, TRACE, PHASE, "serial port ready (%)", A1(X, port))                                            \
	E(devices_ready, TRACE, PHASE, "devices ready (%)", A1(U, parts))                                              \
	E(vcpu_creating, TRACE, PHASE, "creating vCPU %", A1(U, cpu))                                                  \
	E(vcpu_configured, TRACE, PHASE, "vCPU % configured (%)", A2(U, cpu, S, mode))                                 \
	E(starting, TRACE, PHASE, "starting", A0)                                                                      \
	E(running, TRACE, PHASE, "running", A0)                                                                        \
	E(first_run, TRACE, PHASE, "vCPU % enters KVM_RUN; % ms of the start were in KVM's ioctls",                    \
		A2(U, cpu, T, in_ioctls))                                                                              \
	E(first_byte, TRACE, PHASE, "first byte on the console", A0)                                                   \
	E(banner, TRACE, PHASE, "\"Linux version\" on the console", A0)                                                \
	E(kernel_unpacked, TRACE, PHASE, "kernel has unpacked itself", A0)                                             \
	E(kernel_done, TRACE, PHASE, "kernel has set itself up", A0)                                                   \
	E(init_started, TRACE, PHASE, "init started: %", A1(S, path))                                                  \
	E(panicked, TRACE, PHASE, "kernel panic (%)", A1(S, detector))                                                 \
	E(mark, TRACE, INFO, "guest's mark: % (%)", A2(S, name, S, source))                                            \
	E(initcall, DETAIL, INFO, "initcall % started at % ms of the guest's clock, took % ms (task %)",               \
		A4(S, name, T, start, T, took, U, task))                                                               \
	E(stopping, TRACE, PHASE, "stopping: % (%)", A2(S, outcome, S, detector))                                      \
	E(stopped, TRACE, PHASE, "CPUs and devices stopped, console written", A0)                                      \
	E(torn_down, TRACE, PHASE, "torn down", A0)                                                                    \
	E(slow_ioctl, TRACE, INFO, "% took % ms", A2(S, name, T, duration))                                            \
	E(ioctl, DETAIL, INFO, "% took % ms", A2(S, name, T, duration))                                                \
	E(sandbox_stage, TRACE, PHASE, "sandbox: stage % took % ms", A2(S, stage, T, took))                            \
	E(sandbox_summary, DEBUG, INFO, "sandbox: %", A1(S, what))                                                     \
	E(sandbox_unhandled, DEBUG, INFO, "sandbox: Landlock ABI % of this host cannot deny %", A2(U, abi, S, what))   \
	E(console_lost, WARN, INFO, "% bytes of guest console output were lost: %", A2(U, bytes, S, why))              \
	E(console_cap, WARN, INFO, "console file reached its size cap of % bytes; what follows is dropped",            \
		A1(U, cap))                                                                                            \
	E(host_failed, ERROR, INFO, "%", A1(S, what))                                                                  \
	E(power_button, INFO, INFO, "% received: power button pressed, waiting % ms for the guest",                    \
		A2(S, why, T, grace))                                                                                  \
	E(button_ignored, WARN, INFO, "the guest did not react to its power button within % ms: %",                    \
		A2(T, grace, S, why))                                                                                  \
	E(command_signalled, INFO, INFO, "% received: sent on to the command, waiting % ms for it",                    \
		A2(S, why, T, grace))                                                                                  \
	E(command_ignored, WARN, INFO, "the command did not end within % ms", A1(T, grace))                            \
	E(paused, TRACE, INFO, "the guest is held still, % ms after that was asked for", A1(T, took))                  \
	E(resumed, TRACE, INFO, "the guest goes on after % ms", A1(T, paused))                                         \
	E(pause_refused, WARN, INFO, "the guest cannot be held still: % has not finished within % ms",                 \
		A2(S, who, T, limit))                                                                                  \
	E(gdb_attached, INFO, INFO, "gdb: a debugger has connected", A0)                                               \
	E(gdb_left, INFO, INFO, "gdb: the debugger has disconnected", A0)                                              \
	E(gdb_refused, WARN, INFO, "gdb: a second debugger was turned away", A0)                                       \
	E(gdb_stopped, TRACE, INFO, "gdb: the guest has stopped (CPU %)", A1(U, cpu))                                  \
	E(core_written, DEBUG, INFO, "core % written: % bytes in % ms, %", A4(S, path, U, bytes, T, took, S, what))    \
	E(core_failed, DEBUG, INFO, "%", A1(S, why))                                                                   \
	E(call_main_ended, WARN, INFO, "the program has ended with status %: its functions are called as it is then",  \
		A1(U, status))                                                                                         \
	E(call_missing, INFO, INFO, "the program called % (%), which is answered with ENOSYS: %",                      \
		A3(S, name, U, nr, S, why))                                                                            \
	E(no_vdso, DEBUG, INFO, "the program has no vDSO, each reading of a clock is a system call: %", A1(S, why))    \
	E(snapshot_written, DEBUG, INFO, "snapshot % written: % bytes in % ms", A3(S, path, U, bytes, T, took))        \
	E(snapshot_failed, DEBUG, INFO, "%", A1(S, why))                                                               \
	E(restored, DEBUG, INFO, "guest restored: % bytes of RAM in the file, % parts", A2(U, bytes, U, parts))        \
	E(working_set, DEBUG, INFO, "working set: % bytes of RAM copied from the file, % parts",                       \
		A2(U, bytes, U, parts))                                                                                \
	E(guest_event, INFO, GUEST, "guest event: % (value %)", A2(S, what, X, value))                                 \
	E(pic_mode, INFO, INFO, "the kernel command line says %: devices interrupt through the 8259s",                 \
		A1(S, argument))                                                                                       \
	E(one_cpu, WARN, INFO, "the kernel command line says %: the guest may use only one of its % CPUs",             \
		A2(S, argument, U, cpus))                                                                              \
	E(pit_started, DEBUG, INFO, "the guest programs an interval timer (PIT): KVM makes it now", A0)                \
	E(pit_failed, WARN, INFO, "the guest programs an interval timer (PIT), and this host gives it none: %",        \
		A1(S, why))                                                                                            \
	E(pio_unclaimed, DEBUG, GUEST, "no device at port % (% bytes, %)", A3(X, port, U, len, S, direction))          \
	E(mmio_unclaimed, DEBUG, GUEST, "no device at address % (% bytes, %)", A3(X, gpa, U, len, S, direction))       \
	E(device_reset_needed, WARN, GUEST, "%: the driver broke the rules (%); device needs reset",                   \
		A2(S, device, S, rule))                                                                                \
	E(device_hangs, WARN, INFO, "%: the host has not answered a request; until it does, this process may not go",  \
		A1(S, device))                                                                                         \
	E(disk_failed, ERROR, INFO, "%: the host could not %: %; the guest sees I/O errors, which the report counts",  \
		A3(S, device, S, what, S, why))                                                                        \
	E(net_dropped, DEBUG, GUEST, "%: frame dropped: %", A2(S, device, S, why))                                     \
	E(net_link_down, WARN, INFO, "%: % has gone: the guest sees its link go down", A2(S, device, S, peer))         \
	E(net_new_tap, WARN, INFO, "interface % did not exist: made for this run, it is down and has no address",      \
		A1(S, name))                                                                                           \
	E(net_said, INFO, INFO, "passt: %", A1(S, line))                                                               \
	E(balloon_target, INFO, INFO, "balloon: the guest is asked to give back % bytes", A1(U, bytes))                \
	E(balloon_stats, INFO, GUEST, "balloon: % bytes given back; in the guest % free, % available of %",            \
		A4(U, actual, U, free, U, available, U, total))                                                        \
	E(cmdline_text_panic, INFO, GUEST, "console text says panic: %", A1(S, line))

#endif
