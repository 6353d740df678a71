/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line's own vocabulary: exit codes, the shape of a command, and
 * what every command is given. A failing function leaves one sentence in
 * cli->error and returns the exit code; main() alone prints it. This header
 * knows nothing of TLS, HTTP or JSON.
 */
#ifndef CAISSON_CLI_H
#define CAISSON_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* Part of the interface to scripts: documented in docs/cli.md, never renumbered. */
enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1,       /* the node answered with a problem document */
	CLI_USAGE = 2,         /* the command line itself was wrong */
	CLI_NOT_FOUND = 3,     /* no such VM, image, profile or command target */
	CLI_CONFLICT = 4,      /* exists already, is in use, or in the wrong state */
	CLI_NO_CONNECTION = 5, /* the node cannot be reached, or went silent */
	CLI_TLS = 6,           /* the other end is not who it should be, or TLS failed */
	CLI_NOT_PAIRED = 7,    /* no profile says which node to talk to */
	CLI_LOCAL = 8,         /* a file, the terminal or memory on this machine */
	CLI_INTERRUPTED = 130, /* SIGINT, SIGTERM or SIGHUP */
};

/* State of one run. Owned by main(); commands borrow it. */
struct cli {
	const char *profile; /* --profile, or NULL */
	const char *node;    /* --node URL, or NULL */
	bool json;           /* --json */
	char error[1200];    /* the sentence for the person, without a newline */
};

/* Stores the sentence and returns code, so that `return cli_fail(...)` reads well. */
enum cli_exit cli_fail(struct cli *cli, enum cli_exit code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

enum { CLI_MAX_POSITIONAL = 4, CLI_MAX_OPTIONS = 12 };

struct cli_option {
	const char *name;  /* without the dashes; NULL ends a table */
	char letter;       /* one-letter form, or 0 */
	const char *value; /* what its value is called; NULL for a switch */
	const char *help;
};

/* What a positional argument names: used by shell completion only. */
enum cli_complete {
	CLI_COMPLETE_NONE,
	CLI_COMPLETE_VM,
	CLI_COMPLETE_IMAGE,
	CLI_COMPLETE_PROFILE,
	CLI_COMPLETE_FILE,
	CLI_COMPLETE_SHELL,
	CLI_COMPLETE_COMMAND,
};

struct cli_args;

/* One row of the command table; the table drives dispatch, help and completion. */
struct cli_command {
	const char *noun;
	const char *verb; /* NULL when the noun alone is the command */
	const char *args; /* as shown in help */
	const char *help;
	const struct cli_option *options; /* ended by a NULL name; NULL for none */
	int min_args;
	int max_args;
	enum cli_complete complete;
	enum cli_exit (*run)(struct cli *cli, const struct cli_args *args);
};

struct cli_args {
	const struct cli_command *command;
	int count;
	const char *positional[CLI_MAX_POSITIONAL];
	const char *value[CLI_MAX_OPTIONS]; /* by index in command->options */
};

/* The const table, in the order that help shows; *count receives its length. */
const struct cli_command *cli_commands(size_t *count);
/* Options that every command takes; ended by a NULL name. */
extern const struct cli_option cli_global_options[];

/* The value of a command's own option ("" for a switch), or NULL when not given. */
const char *args_option(const struct cli_args *args, const char *name);
/* True when argv[i..] has --help or -h before a lone "--". */
bool args_want_help(int argc, char **argv);
/* Fills the global part of cli and args from argv, in any order; "--" ends options. */
MUST_CHECK enum cli_exit args_parse(struct cli *cli, const struct cli_command *command, int argc, char **argv,
                                    struct cli_args *args);

/* Finds the row for argv[0..1]; *used is how many words it took. NULL when there is none. */
const struct cli_command *command_find(int argc, char **argv, int *used);

/* help.c: noun and verb may be NULL; false when they name nothing. */
bool help_print(const char *noun, const char *verb);

/* The handlers, one file per noun. */
enum cli_exit cmd_pair(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_node_info(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_node_reboot(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_node_poweroff(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_vm_create(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_vm_list(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_vm_show(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_vm_action(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_vm_stop(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_vm_delete(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_vm_logs(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_vm_console(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_image_add(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_image_list(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_image_remove(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_events(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_profile_list(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_profile_use(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_completion(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_version(struct cli *cli, const struct cli_args *args);
enum cli_exit cmd_help(struct cli *cli, const struct cli_args *args);

#endif
