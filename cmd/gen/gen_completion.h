/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the completion of shells is made of: placeholders of docs/vmm.bash.in, docs/vmm.zsh.in and docs/vmm.fish.in.
 * Each command is offered the options that it takes, and each option the values that the table knows.
 */
#ifndef CMD_GEN_GEN_COMPLETION_H
#define CMD_GEN_GEN_COMPLETION_H

/* bash: the branches of a `case`, by command and by option. */
void put_bash_commands(void);
void put_bash_options(void);
void put_bash_values(void);

/* zsh: descriptions of commands, functions for the values of lists, an array of specifications for each command. */
void put_zsh_commands(void);
void put_zsh_lists(void);
void put_zsh_options(void);

/* fish: lines of complete(1). */
void put_fish_commands(void);
void put_fish_options(void);

#endif
