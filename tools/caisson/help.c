/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help for people, printed from the command table: an overview, one noun, or
 * one command with its options. Knows no command by name.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static void help_options(const struct cli_option *o)
{
	for (; o && o->name; o++) {
		char left[64];
		char letter[8] = "    ";
		if (o->letter)
			snprintf(letter, sizeof letter, "-%c, ", o->letter);
		snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
		printf("  %-30s %s\n", left, o->help);
	}
}

static void help_row(const struct cli_command *c)
{
	char left[64];
	snprintf(left, sizeof left, "%s%s%s %s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "", c->args);
	printf("  %-28s %s\n", left, c->help);
}

static void help_command(const struct cli_command *c)
{
	printf("caisson %s%s%s%s%s%s\n\n  %s\n", c->noun, c->verb ? " " : "", c->verb ? c->verb : "", c->args[0] ? " " : "",
	       c->args, c->options ? " [options]" : "", c->help);
	if (c->options) {
		printf("\noptions:\n");
		help_options(c->options);
	}
	printf("\noptions of every command:\n");
	help_options(cli_global_options);
}

static void help_overview(const struct cli_command *c, size_t count)
{
	printf("caisson: manage Caisson nodes and their microVMs\n\nusage: caisson COMMAND [arguments] [options]\n\n");
	for (size_t i = 0; i < count; i++)
		help_row(&c[i]);
	printf("\noptions of every command:\n");
	help_options(cli_global_options);
	printf("\nexit codes: 0 done, 1 refused by the node, 2 usage, 3 not found, 4 conflict, 5 no connection,\n"
	       "            6 TLS or identity, 7 not paired, 8 local failure, 130 interrupted\n");
}

bool help_print(const char *noun, const char *verb)
{
	size_t count;
	const struct cli_command *c = cli_commands(&count);
	bool found = false;

	if (!noun) {
		help_overview(c, count);
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(c[i].noun, noun) != 0)
			continue;
		if (verb ? (c[i].verb && strcmp(c[i].verb, verb) == 0) : !c[i].verb) {
			help_command(&c[i]);
			return true;
		}
		if (!verb) {
			if (!found)
				printf("caisson %s: commands\n\n", noun);
			help_row(&c[i]);
			found = true;
		}
	}
	return found;
}
