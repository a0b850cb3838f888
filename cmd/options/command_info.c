// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/command_info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LIST(name, options) static const struct subset_option name[] = {options(SUBSET_ROW){0}}
LIST(flat, FLAT_OPTIONS);
LIST(exec, EXEC_OPTIONS);
LIST(bench_boot, BENCH_BOOT_OPTIONS);
LIST(bench_clone, BENCH_CLONE_OPTIONS);
LIST(bench_lifecycle, BENCH_LIFECYCLE_OPTIONS);
LIST(bench_exec, BENCH_EXEC_OPTIONS);
LIST(bench_exits, BENCH_EXITS_OPTIONS);
LIST(test, TEST_OPTIONS);
LIST(report, REPORT_OPTIONS);
LIST(snapshot, SNAPSHOT_OPTIONS);
LIST(restore, RESTORE_OPTIONS);

#define ENDS_USAGE  "2      the command line is wrong, or what it names is missing\n"
#define ENDS_FAILED "125    vmm or its host failed\n"

const struct command_info command_infos[] = {
	{
		.name = "run",
		.usage = "KERNEL [OPTION...]",
		.text = "Boots a Linux kernel; the word run may be left out.",
		.ends = "0      the guest powered off\n" ENDS_USAGE
			"32     the guest reset itself; 34: it panicked; 36: it crashed; 38: it halted\n"
			"2N+1   the guest wrote N to the debug-exit port\n"
			"124    the time limit ran out\n" ENDS_FAILED,
		.examples = "vmm vmlinux --initrd root.cpio --mem 192M --cpus 2\n"
			    "vmm bzImage --initrd test.cpio --debug-exit --timeout 30s\n",
	},
	{
		.name = "check",
		.usage = "[KERNEL] [OPTION...]",
		.text = "Says whether this host can run a machine, and whether the machine of these\n"
			"options could be built.",
		.ends = "0      it can\n" ENDS_USAGE "125    it cannot: lines that begin with MISSING or BAD say why\n",
		.examples = "vmm check\n"
			    "vmm check vmlinux --mem 4G --net tap=vm0\n",
	},
	{
		.name = "cpuid",
		.usage = "[OPTION...]",
		.text = "Prints the CPUID of the host and of the guest, and why they differ.",
		.ends = "0      done\n" ENDS_USAGE ENDS_FAILED,
		.examples = "vmm cpuid --cpus 4 --nested\n"
			    "vmm cpuid --raw=host >cpu.txt\n",
	},
	{
		.name = "flat",
		.usage = "[OPTION...] PROGRAM[,KEY=VALUE...]...",
		.text = "Runs programs without a kernel, each on a vCPU of its own. The keys are\n"
			"mode=real|protected|long, load=ADDRESS and entry=ADDRESS.",
		.takes = flat,
		.ends = "0      each program ended with HLT; else as the first that did not:\n"
			"36     it crashed; 2N+1: it wrote N to the exit port; 124: its time ran out\n" ENDS_USAGE
				ENDS_FAILED,
		.examples = "vmm flat hello.bin\n"
			    "vmm flat --stats --timeout 2s hello.bin counter.bin,mode=long\n",
	},
	{
		.name = "test",
		.usage = "[OPTION...] FILE|DIR|-... | --root DIR [NAME...] -- COMMAND",
		.text = "Runs tests, each in a guest of its own: programs without a kernel, sections of\n"
			".ini files, and commands, where {} is a NAME. --kernel may be repeated.",
		.takes = test,
		.ends = "0      all as expected; 1: a test was not\n" ENDS_USAGE
			"125    a test could not be run, or a report not be written\n",
		.examples = "vmm test --jobs 4 --junit results.xml tests/\n"
			    "vmm test --kernel old --kernel new --keep-logs logs cases/boot.ini\n"
			    "ls *.sh | vmm test --kernel bzImage --root / -- sh {}\n",
	},
	{
		.name = "exec",
		.usage = "[OPTION...] PROGRAM [ARGUMENT...]",
		.text = "Runs a Linux program on a vCPU without a kernel: vmm answers its system calls.\n"
			"It has the standard streams and its libraries; no other file, no network.",
		.ends_options = true,
		.takes = exec,
		.ends = "N      the program ended with N; 128+S: by signal S, and a line says which\n" ENDS_USAGE
			"124    its time ran out\n" ENDS_FAILED,
		.examples = "vmm exec ./hello\n"
			    "vmm exec --trace-calls --timeout 2s busybox sh -c 'echo hello'\n",
	},
	{
		.name = "bench boot",
		.usage = "[OPTION...] -- KERNEL [OPTION OF vmm...]",
		.text = "Repeats a boot, with exec as time zero, perhaps in turns with another command.",
		.takes = bench_boot,
		.ends = "0      done\n" ENDS_USAGE "40     slower than --max-ratio; 41: the runs do not tell whether\n"
			"124    the time of a boot ran out\n" ENDS_FAILED,
		.examples = "vmm bench boot --runs 20 -- vmlinux --initrd root.cpio\n"
			    "vmm bench boot --baseline good.json --max-ratio 1.05 -- vmlinux\n",
	},
	{
		.name = "bench clone",
		.usage = "[OPTION...] [-- SNAPSHOT [OPTION OF vmm restore...]]",
		.text = "Resets a flat guest, and restores, clones and resets that of a snapshot, beside\n"
			"floors.",
		.takes = bench_clone,
		.ends = "0      done\n" ENDS_USAGE
			"40     slower than --max-ratio; 41: the runs do not tell whether\n" ENDS_FAILED,
		.examples = "vmm bench clone\n"
			    "vmm bench clone --input 'date' --json c.json -- ready.snap\n",
	},
	{
		.name = "bench lifecycle",
		.usage = "[OPTION...]",
		.text = "Makes, runs, resets and closes the smallest guests, beside bare ioctls.",
		.takes = bench_lifecycle,
		.ends = "0      done\n" ENDS_USAGE ENDS_FAILED,
		.examples = "vmm bench lifecycle --alive 13000\n"
			    "vmm bench lifecycle --json m.json --svg m.svg\n",
	},
	{
		.name = "bench exec",
		.usage = "[OPTION...]",
		.text = "Makes Linux programs without a kernel, lets them answer, and takes them back.",
		.takes = bench_exec,
		.ends = "0      done\n" ENDS_USAGE ENDS_FAILED,
		.examples = "vmm bench exec --rounds 10000\n"
			    "vmm bench exec --json x.json\n",
	},
	{
		.name = "bench exits",
		.usage = "[OPTION...]",
		.text = "Times the way out of the guest and back, in the guest, by instruction and ring.",
		.takes = bench_exits,
		.ends = "0      done\n" ENDS_USAGE ENDS_FAILED,
		.examples = "vmm bench exits --pin 3\n"
			    "vmm bench exits --iterations 100000 --json x.json --svg x.svg\n",
	},
	{
		.name = "report",
		.usage = "[OPTION...] FILE...",
		.text = "Shows where the time of a run went, or compares up to eight runs. FILE is what\n"
			"`vmm --report FILE` wrote.",
		.takes = report,
		.ends = "0      done\n" ENDS_USAGE ENDS_FAILED,
		.examples = "vmm report run.json\n"
			    "vmm report --svg both.svg old.json new.json\n",
	},
	{
		.name = "restore",
		.usage = "[OPTION...] FILE",
		.text = "Goes on with the guest of a snapshot, as often as wanted. The machine is that\n"
			"of the snapshot; console, time limit, report, the files behind disks may be\n"
			"others: --disk id=ID,path=FILE is another file for a disk of the guest.",
		.takes = restore,
		.machine = true,
		.ends = "as of `vmm run`, with --clones that of the first clone that is not 0; besides\n"
			"2      the snapshot is damaged, of another version, or not for this host\n"
			"125    the snapshot's file was cut or changed meanwhile\n",
		.examples = "vmm vmlinux --initrd root.cpio --snapshot ready.snap,on=mark,then=exit\n"
			    "vmm restore ready.snap\n"
			    "vmm restore --console file=log --timeout 30s ready.snap\n"
			    "vmm restore --each-line=json ready.snap <commands\n"
			    "vmm restore --clones 500 --jobs 8 --report run-%n.json ready.snap\n",
	},
	{
		.name = "snapshot info",
		.usage = "[OPTION...] FILE",
		.text = "Shows what a snapshot has: kernel, memory, devices, the CPU features it needs,\n"
			"size and age.",
		.takes = snapshot,
		.ends = "0      done\n" ENDS_USAGE ENDS_FAILED,
		.examples = "vmm snapshot info ready.snap\n"
			    "vmm snapshot info --json ready.json ready.snap\n",
	},
	{
		.name = "snapshot check",
		.usage = "[OPTION...] FILE",
		.text = "Reads all of a snapshot, and compares it with its checksums.",
		.takes = snapshot,
		.ends = "0      it is whole\n"
			"2      it is not, or is no snapshot; or the command line is wrong\n" ENDS_FAILED,
		.examples = "vmm snapshot check ready.snap\n"
			    "vmm snapshot check --json state.json ready.snap\n",
	},
	{0},
};

void subset_limit(struct option_def *o, const struct subset_option *how)
{
	if (how->deflt)
		o->deflt = how->deflt;
	if (how->max) {
		o->min = how->min;
		o->max = how->max;
		o->multiple = how->multiple;
	}
}

const struct command_info *command_find(const char *name)
{
	for (const struct command_info *c = command_infos; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

bool command_takes(const struct command_info *c, const struct option_def *o, const struct subset_option **ret)
{
	const char *only = option_section_command(o->section);

	*ret = NULL;
	if (o->type == OPT_FLAG)
		return true;
	for (const struct subset_option *p = c->takes; p && p->name; p++)
		if (!strcmp(p->name, o->name))
			*ret = p;
	if (*ret || (c->takes && !c->machine))
		return *ret;
	if (!strcmp(c->name, "restore") && (o->saved == OPTION_OF_BOOT || o->saved == OPTION_SAVED))
		return false;
	return !only || !strcmp(only, c->name);
}

int command_refuses(const char *name, const struct option_def *o, struct err *e)
{
	const struct subset_option *how;
	char names[256] = "";
	size_t n = 0;

	for (const struct command_info *c = command_infos; c->name; c++)
		if (command_takes(c, o, &how))
			n += (size_t)snprintf(
				names + n, sizeof(names) - MIN(n, sizeof(names)), "%s`vmm %s`", n ? ", " : "", c->name);
	return err_set(e, -EINVAL, "--%s: `vmm %s` does not take it; this does: %s", o->name, name, names);
}
