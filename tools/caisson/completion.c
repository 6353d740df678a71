/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts for bash, zsh and fish, written from the command table, so
 * that a new row completes by itself. bash and zsh share one body behind two
 * small adapters. Names of VMs, images and profiles are asked for with --names.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

/* Words of the first (noun NULL) or second level, each once. */
static void completion_words(const char *noun)
{
	size_t count;
	const struct cli_command *c = cli_commands(&count);
	const char *last = "";
	for (size_t i = 0; i < count; i++) {
		if (noun && strcmp(c[i].noun, noun) == 0 && c[i].verb)
			printf(" %s", c[i].verb);
		if (!noun && strcmp(c[i].noun, last) != 0)
			printf(" %s", c[i].noun);
		last = c[i].noun;
	}
}

/* What a positional completes to, in the words of the shared body. */
static const char *completion_call(enum cli_complete kind)
{
	switch (kind) {
	case CLI_COMPLETE_VM:
		return "_caisson_reply $(caisson vm list --names 2>/dev/null)";
	case CLI_COMPLETE_IMAGE:
		return "_caisson_reply $(caisson image list --names 2>/dev/null)";
	case CLI_COMPLETE_PROFILE:
		return "_caisson_reply $(caisson profile list --names 2>/dev/null)";
	case CLI_COMPLETE_FILE:
		return "_caisson_files";
	case CLI_COMPLETE_SHELL:
		return "_caisson_reply bash zsh fish";
	case CLI_COMPLETE_NONE:
	case CLI_COMPLETE_COMMAND:
		break;
	}
	return ":";
}

static void completion_option_words(const struct cli_option *o)
{
	for (; o && o->name; o++)
		printf(" --%s", o->name);
}

static void completion_help_words(void)
{
	printf("        'help '*) if [ \"$index\" -eq 2 ]; then _caisson_reply");
	completion_words(NULL);
	printf("; fi ;;\n");
}

static void completion_row(const struct cli_command *c)
{
	if (c->complete == CLI_COMPLETE_COMMAND) {
		completion_help_words();
		return;
	}
	if (c->verb)
		printf("        '%s %s')", c->noun, c->verb);
	else
		printf("        '%s '*)", c->noun);
	printf(" case \"$cur\" in -*) _caisson_reply");
	completion_option_words(c->options);
	completion_option_words(cli_global_options);
	printf(" ;; *) %s ;; esac ;;\n", completion_call(c->complete));
}

/* The body that bash and zsh share: cur, prev, index, noun and verb are set. */
static void completion_body(void)
{
	size_t count;
	const struct cli_command *c = cli_commands(&count);
	printf("    case \"$prev\" in\n"
	       "        --profile) _caisson_reply $(caisson profile list --names 2>/dev/null); return ;;\n"
	       "        --kernel|--initrd|-k|-i) _caisson_reply $(caisson image list --names 2>/dev/null); return ;;\n"
	       "        --file|-f) _caisson_files; return ;;\n"
	       "    esac\n"
	       "    if [ \"$index\" -le 1 ]; then\n"
	       "        _caisson_reply");
	completion_words(NULL);
	printf("\n        return\n    fi\n    if [ \"$index\" -eq 2 ]; then case \"$noun\" in\n");
	const char *last = "";
	for (size_t i = 0; i < count; i++) {
		if (c[i].verb && strcmp(c[i].noun, last) != 0) {
			printf("        %s) _caisson_reply", c[i].noun);
			completion_words(c[i].noun);
			printf("; return ;;\n");
		}
		last = c[i].noun;
	}
	printf("    esac; fi\n    case \"$noun $verb\" in\n");
	for (size_t i = 0; i < count; i++)
		completion_row(&c[i]);
	printf("    esac\n}\n");
}

static void completion_bash(void)
{
	printf("# caisson completion for bash; load with: source <(caisson completion bash)\n"
	       "_caisson_reply() { COMPREPLY=($(compgen -W \"$*\" -- \"$cur\")); }\n"
	       "_caisson_files() { COMPREPLY=($(compgen -f -- \"$cur\")); compopt -o filenames 2>/dev/null; }\n"
	       "_caisson() {\n"
	       "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
	       "    local index=$COMP_CWORD noun=\"${COMP_WORDS[1]}\" verb=\"${COMP_WORDS[2]}\"\n"
	       "    COMPREPLY=()\n");
	completion_body();
	printf("complete -F _caisson caisson\n");
}

static void completion_zsh(void)
{
	printf("#compdef caisson\n# caisson completion for zsh; load with: source <(caisson completion zsh)\n"
	       "_caisson_reply() { compadd -- \"$@\"; }\n"
	       "_caisson_files() { _files; }\n"
	       "_caisson() {\n"
	       "    local cur=\"${words[CURRENT]}\" prev=\"${words[CURRENT-1]}\"\n"
	       "    local index=$((CURRENT - 1)) noun=\"${words[2]}\" verb=\"${words[3]}\"\n");
	completion_body();
	printf("if [ \"$funcstack[1]\" = _caisson ]; then _caisson \"$@\"; else compdef _caisson caisson; fi\n");
}

/* In single quotes of fish only backslash and quote are special. */
static void fish_quote(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static void fish_condition(const struct cli_command *c)
{
	if (c->verb)
		printf(" -n '__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s'", c->noun, c->verb);
	else
		printf(" -n '__fish_seen_subcommand_from %s'", c->noun);
}

static void fish_options(const struct cli_command *c, const struct cli_option *o)
{
	for (; o && o->name; o++) {
		printf("complete -c caisson");
		if (c)
			fish_condition(c);
		printf(" -l %s", o->name);
		if (o->letter)
			printf(" -s %c", o->letter);
		if (o->value)
			printf(strcmp(o->value, "FILE") == 0 ? " -r -F" : " -x");
		if (o->value && strcmp(o->value, "IMAGE") == 0)
			printf(" -a '(caisson image list --names 2>/dev/null)'");
		printf(" -d ");
		fish_quote(o->help);
		putchar('\n');
	}
}

static void fish_operand(const struct cli_command *c)
{
	static const char *const lists[] = {
	    [CLI_COMPLETE_VM] = "(caisson vm list --names 2>/dev/null)",
	    [CLI_COMPLETE_IMAGE] = "(caisson image list --names 2>/dev/null)",
	    [CLI_COMPLETE_PROFILE] = "(caisson profile list --names 2>/dev/null)",
	    [CLI_COMPLETE_SHELL] = "bash zsh fish",
	    [CLI_COMPLETE_COMMAND] = NULL,
	};
	if (c->complete != CLI_COMPLETE_FILE && !lists[c->complete])
		return;
	printf("complete -c caisson");
	fish_condition(c);
	if (c->complete == CLI_COMPLETE_FILE)
		printf(" -F\n");
	else
		printf(" -a '%s'\n", lists[c->complete]);
}

static void completion_fish(void)
{
	size_t count;
	const struct cli_command *c = cli_commands(&count);
	const char *last = "";
	printf("# caisson completion for fish; load with: caisson completion fish | source\n"
	       "complete -c caisson -f\n");
	fish_options(NULL, cli_global_options);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(c[i].noun, last) != 0)
			printf("complete -c caisson -n __fish_use_subcommand -a %s\n", c[i].noun);
		last = c[i].noun;
		if (c[i].verb) {
			printf("complete -c caisson -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from",
			       c[i].noun);
			completion_words(c[i].noun);
			printf("' -a %s -d ", c[i].verb);
			fish_quote(c[i].help);
			putchar('\n');
		}
		fish_options(&c[i], c[i].options);
		fish_operand(&c[i]);
	}
}

enum cli_exit cmd_completion(struct cli *cli, const struct cli_args *args)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
	for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
		if (strcmp(args->positional[0], shells[i].name) == 0) {
			shells[i].print();
			return CLI_OK;
		}
	}
	return cli_fail(cli, CLI_USAGE, "'%s': expected bash, zsh or fish", args->positional[0]);
}
