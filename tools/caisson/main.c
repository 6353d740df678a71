/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of the caisson command line: the one table of commands, dispatch, and
 * the only place that prints an error. Runs on the operator's own machine as
 * an ordinary process; knows no protocol.
 */
#include "cli.h"
#include "signals.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct cli_option opts_pair[] = {
    {"code", 'c', "CODE", "pairing code shown on the node's console (asked for when absent)"},
    {"fingerprint", 'F', "SHA256:HEX", "fingerprint the node must show (asked about when absent)"},
    {"client-name", 0, "NAME", "what the node calls this client (default: this host's name)"},
    {"force", 0, NULL, "replace a profile that belongs to another node"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option opts_vm_create[] = {
    {"file", 'f', "FILE", "read the VM from a JSON file; other options override it"},
    {"kernel", 'k', "IMAGE", "kernel image on the node"},
    {"initrd", 'i', "IMAGE", "initrd image on the node"},
    {"cmdline", 'c', "STRING", "kernel command line"},
    {"vcpus", 'n', "N", "number of vCPUs, 1 to 64 (the node's default: 1)"},
    {"memory", 'm', "SIZE", "guest memory: 256M, 2G; a plain number is MiB (the node's default: 128M)"},
    {"weight", 0, "N", "share of CPU time against other VMs (the node's default: 100)"},
    {"autostart", 0, NULL, "start the VM whenever the node starts"},
    {"start", 0, NULL, "start it right away"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option opts_names[] = {
    {"names", 'q', NULL, "print names only, one per line"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option opts_vm_stop[] = {
    {"timeout", 't', "TIME", "grace before it is stopped hard: 10s, 500ms, 2m; 0 is hard at once (default: 10s)"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option opts_vm_console[] = {
    {"read-only", 'r', NULL, "watch without typing"},
    {"linger", 0, "TIME", "when input is not a terminal: go on printing so long after its end (default: 0)"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option opts_vm_logs[] = {
    {"raw", 0, NULL, "do not mask control characters when printing on a terminal"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option opts_image_add[] = {
    {"name", 0, "NAME", "name on the node (default: the file's own name)"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option opts_events[] = {
    {"since", 's', "ID", "start after this event; 0 shows all that the node still has"},
    {"count", 'n', "N", "leave after N events"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_command commands[] = {
    {"pair", NULL, "URL", "introduce this machine to a node and store a profile", opts_pair, 1, 1, CLI_COMPLETE_NONE, cmd_pair},
    {"node", "info", "", "show the node: version, CPUs, memory, addresses", NULL, 0, 0, CLI_COMPLETE_NONE, cmd_node_info},
    {"node", "reboot", "", "restart the node; its guests are stopped", NULL, 0, 0, CLI_COMPLETE_NONE, cmd_node_reboot},
    {"node", "poweroff", "", "switch the node off; its guests are stopped", NULL, 0, 0, CLI_COMPLETE_NONE, cmd_node_poweroff},
    {"vm", "create", "[NAME]", "create a VM", opts_vm_create, 0, 1, CLI_COMPLETE_NONE, cmd_vm_create},
    {"vm", "list", "", "list VMs", opts_names, 0, 0, CLI_COMPLETE_NONE, cmd_vm_list},
    {"vm", "show", "NAME", "show one VM in full", NULL, 1, 1, CLI_COMPLETE_VM, cmd_vm_show},
    {"vm", "start", "NAME", "start a stopped VM", NULL, 1, 1, CLI_COMPLETE_VM, cmd_vm_action},
    {"vm", "stop", "NAME", "press its power button, then stop it hard", opts_vm_stop, 1, 1, CLI_COMPLETE_VM, cmd_vm_stop},
    {"vm", "pause", "NAME", "freeze a running VM", NULL, 1, 1, CLI_COMPLETE_VM, cmd_vm_action},
    {"vm", "resume", "NAME", "let a paused VM go on", NULL, 1, 1, CLI_COMPLETE_VM, cmd_vm_action},
    {"vm", "reset", "NAME", "reset a VM as by its reset button", NULL, 1, 1, CLI_COMPLETE_VM, cmd_vm_action},
    {"vm", "delete", "NAME", "delete a stopped or crashed VM", NULL, 1, 1, CLI_COMPLETE_VM, cmd_vm_delete},
    {"vm", "console", "NAME", "type on a VM's console", opts_vm_console, 1, 1, CLI_COMPLETE_VM, cmd_vm_console},
    {"vm", "logs", "NAME", "print the tail of a VM's console", opts_vm_logs, 1, 1, CLI_COMPLETE_VM, cmd_vm_logs},
    {"image", "add", "FILE [NAME]", "send a kernel or initrd to the node", opts_image_add, 1, 2, CLI_COMPLETE_FILE,
     cmd_image_add},
    {"image", "list", "", "list images", opts_names, 0, 0, CLI_COMPLETE_NONE, cmd_image_list},
    {"image", "remove", "NAME", "remove an image that no VM uses", NULL, 1, 1, CLI_COMPLETE_IMAGE, cmd_image_remove},
    {"events", NULL, "", "follow what happens on the node", opts_events, 0, 0, CLI_COMPLETE_NONE, cmd_events},
    {"profile", "list", "", "list the nodes this machine is paired with", opts_names, 0, 0, CLI_COMPLETE_NONE, cmd_profile_list},
    {"profile", "use", "NAME", "make a profile the default", NULL, 1, 1, CLI_COMPLETE_PROFILE, cmd_profile_use},
    {"completion", NULL, "bash|zsh|fish", "print a completion script for a shell", NULL, 1, 1, CLI_COMPLETE_SHELL,
     cmd_completion},
    {"version", NULL, "", "print the version", NULL, 0, 0, CLI_COMPLETE_NONE, cmd_version},
    {"help", NULL, "[COMMAND...]", "explain a command", NULL, 0, 2, CLI_COMPLETE_COMMAND, cmd_help},
};

const struct cli_option cli_global_options[] = {
    {"json", 0, NULL, "print the node's JSON as it came"},
    {"profile", 0, "NAME", "use this profile instead of the default one"},
    {"node", 0, "URL", "reach the node at another address than the profile's"},
    {"help", 'h', NULL, "explain the command"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command *cli_commands(size_t *count)
{
	*count = sizeof commands / sizeof commands[0];
	return commands;
}

enum cli_exit cli_fail(struct cli *cli, enum cli_exit code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(cli->error, sizeof cli->error, fmt, ap);
	va_end(ap);
	return code;
}

const struct cli_command *command_find(int argc, char **argv, int *used)
{
	for (size_t i = 0; argc > 0 && i < sizeof commands / sizeof commands[0]; i++) {
		const struct cli_command *c = &commands[i];
		if (strcmp(c->noun, argv[0]) != 0)
			continue;
		if (c->verb && (argc < 2 || strcmp(c->verb, argv[1]) != 0))
			continue;
		*used = c->verb ? 2 : 1;
		return c;
	}
	return NULL;
}

enum cli_exit cmd_version(struct cli *cli, const struct cli_args *args)
{
	(void)args;
	printf(cli->json ? "{\"version\":\"%s\"}\n" : "caisson %s\n", CAISSON_VERSION);
	return CLI_OK;
}

enum cli_exit cmd_help(struct cli *cli, const struct cli_args *args)
{
	const char *noun = args->count > 0 ? args->positional[0] : NULL;
	const char *verb = args->count > 1 ? args->positional[1] : NULL;
	if (!help_print(noun, verb))
		return cli_fail(cli, CLI_USAGE, "no command '%s%s%s'; 'caisson help' lists them", noun, verb ? " " : "",
		                verb ? verb : "");
	return CLI_OK;
}

/* No row fits: say what was not understood, or show what the noun offers. */
static enum cli_exit command_unknown(struct cli *cli, int argc, char **argv)
{
	if (argc == 0 || (argv[0][0] == '-' && args_want_help(argc, argv))) {
		(void)help_print(NULL, NULL);
		return argc == 0 ? CLI_USAGE : CLI_OK;
	}
	if (strcmp(argv[0], "--version") == 0)
		return cmd_version(cli, NULL);
	if (argv[0][0] == '-')
		return cli_fail(cli, CLI_USAGE, "expected a command before '%s'; 'caisson help' lists them", argv[0]);
	bool known_noun = false;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		known_noun = known_noun || strcmp(commands[i].noun, argv[0]) == 0;
	if (!known_noun)
		return cli_fail(cli, CLI_USAGE, "unknown command '%s'; 'caisson help' lists them", argv[0]);
	if (argc == 1 || args_want_help(argc, argv)) {
		(void)help_print(argv[0], NULL);
		return argc == 1 ? CLI_USAGE : CLI_OK;
	}
	return cli_fail(cli, CLI_USAGE, "unknown command '%s %s'; 'caisson help %s' lists them", argv[0], argv[1], argv[0]);
}

/* Options that stand before the command ("caisson --json vm list") are moved behind it. */
static int main_rotate_options(int argc, char **argv)
{
	int lead = 0;
	while (lead < argc && argv[lead][0] == '-' && argv[lead][1] == '-' && argv[lead][2] != '\0') {
		bool has_value = strcmp(argv[lead], "--profile") == 0 || strcmp(argv[lead], "--node") == 0;
		if (strcmp(argv[lead], "--json") != 0 && strncmp(argv[lead], "--profile=", 10) != 0 &&
		    strncmp(argv[lead], "--node=", 7) != 0 && !has_value)
			break;
		lead += has_value ? 2 : 1;
	}
	return lead < argc ? lead : 0;
}

static enum cli_exit main_run(struct cli *cli, int argc, char **argv)
{
	int used = 0;
	const struct cli_command *command = command_find(argc, argv, &used);
	if (!command)
		return command_unknown(cli, argc, argv);
	if (args_want_help(argc - used, argv + used)) {
		(void)help_print(command->noun, command->verb);
		return CLI_OK;
	}
	struct cli_args args;
	enum cli_exit code = args_parse(cli, command, argc - used, argv + used, &args);
	return code == CLI_OK ? command->run(cli, &args) : code;
}

int main(int argc, char **argv)
{
	enum { MAX_WORDS = 256 };
	char *words[MAX_WORDS + 1] = {NULL};
	struct cli cli = {0};

	if (argc < 1 || argc - 1 > MAX_WORDS) {
		fprintf(stderr, "caisson: more than %d arguments\n", MAX_WORDS);
		return CLI_USAGE;
	}
	int n = argc - 1;
	int lead = main_rotate_options(n, argv + 1);
	/* Behind the command but before its operands, where a "--" cannot hide them. */
	int used = 0;
	if (!command_find(n - lead, argv + 1 + lead, &used))
		used = n - lead;
	memcpy(words, argv + 1 + lead, (size_t)used * sizeof *words);
	memcpy(words + used, argv + 1, (size_t)lead * sizeof *words);
	memcpy(words + used + lead, argv + 1 + lead + used, (size_t)(n - lead - used) * sizeof *words);

	enum cli_exit code = CLI_LOCAL;
	if (!signals_init())
		cli_fail(&cli, CLI_LOCAL, "cannot set up signal handling");
	else
		code = main_run(&cli, n, words);
	if (fflush(stdout) != 0 && code == CLI_OK)
		code = cli_fail(&cli, CLI_LOCAL, "cannot write to standard output");
	if (code != CLI_OK && cli.error[0])
		fprintf(stderr, "caisson: %s\n", cli.error);
	return code;
}
