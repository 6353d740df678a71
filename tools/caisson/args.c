/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line words into struct cli_args, by the option tables of the command
 * table. Options and operands may stand in any order; "--" ends the options.
 * Knows no command by name.
 */
#include "cli.h"

#include <string.h>

const char *args_option(const struct cli_args *args, const char *name)
{
	const struct cli_option *o = args->command->options;
	for (size_t i = 0; o && o[i].name; i++)
		if (strcmp(o[i].name, name) == 0)
			return args->value[i];
	return NULL;
}

bool args_want_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* One word that starts with a dash: which row of the table, and a value glued to it. */
static const struct cli_option *option_match(const struct cli_option *table, const char *word, const char **glued)
{
	*glued = NULL;
	for (; table && table->name; table++) {
		if (word[1] != '-') {
			if (table->letter && word[1] == table->letter && (word[2] == '\0' || table->value)) {
				*glued = word[2] ? word + 2 : NULL;
				return table;
			}
			continue;
		}
		size_t n = strlen(table->name);
		if (strncmp(word + 2, table->name, n) != 0)
			continue;
		if (word[2 + n] == '=')
			*glued = word + 2 + n + 1;
		if (word[2 + n] == '\0' || word[2 + n] == '=')
			return table;
	}
	return NULL;
}

static void option_store(struct cli *cli, struct cli_args *args, const struct cli_option *o, bool global, const char *value)
{
	if (!global)
		args->value[o - args->command->options] = value;
	else if (strcmp(o->name, "json") == 0)
		cli->json = true;
	else if (strcmp(o->name, "profile") == 0)
		cli->profile = value;
	else if (strcmp(o->name, "node") == 0)
		cli->node = value;
}

static enum cli_exit args_take_option(struct cli *cli, struct cli_args *args, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	const char *value = NULL;
	bool global = false;
	const struct cli_option *o = option_match(args->command->options, word, &value);
	if (!o) {
		o = option_match(cli_global_options, word, &value);
		global = true;
	}
	if (!o)
		return cli_fail(cli, CLI_USAGE, "'%s%s%s' has no option '%s'", args->command->noun,
		                args->command->verb ? " " : "", args->command->verb ? args->command->verb : "", word);
	if (!o->value && value)
		return cli_fail(cli, CLI_USAGE, "option --%s takes no value", o->name);
	if (!o->value) {
		value = "";
	} else if (!value) {
		if (*i + 1 >= argc)
			return cli_fail(cli, CLI_USAGE, "option --%s needs a value (%s)", o->name, o->value);
		value = argv[++*i];
	}
	option_store(cli, args, o, global, value);
	return CLI_OK;
}

enum cli_exit args_parse(struct cli *cli, const struct cli_command *command, int argc, char **argv, struct cli_args *args)
{
	bool options_end = false;
	*args = (struct cli_args){.command = command};
	for (int i = 0; i < argc; i++) {
		if (!options_end && strcmp(argv[i], "--") == 0) {
			options_end = true;
		} else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
			enum cli_exit code = args_take_option(cli, args, argc, argv, &i);
			if (code != CLI_OK)
				return code;
		} else {
			if (args->count >= command->max_args || args->count >= CLI_MAX_POSITIONAL)
				return cli_fail(cli, CLI_USAGE, "unexpected argument '%s'; expected: caisson %s%s%s %s", argv[i],
				                command->noun, command->verb ? " " : "", command->verb ? command->verb : "",
				                command->args);
			args->positional[args->count++] = argv[i];
		}
	}
	if (args->count < command->min_args)
		return cli_fail(cli, CLI_USAGE, "missing argument; expected: caisson %s%s%s %s", command->noun,
		                command->verb ? " " : "", command->verb ? command->verb : "", command->args);
	return CLI_OK;
}
