/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles on disk: HOME/profiles/NAME/{node.json,ca.pem,client.pem,client.key}
 * and HOME/current, with HOME being CAISSON_HOME, XDG_CONFIG_HOME/caisson or
 * ~/.config/caisson. A profile is written beside its place and renamed into it.
 * Knows no network.
 */
#include "profile.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>

enum { PROFILE_FILE_MAX = 64 * 1024 };

bool profile_name_ok(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(name);
	return n > 0 && n < PROFILE_NAME_SIZE && name[0] != '.' && name[0] != '-' && strspn(name, allowed) == n;
}

/* HOME, or HOME/a, or HOME/a/b, or HOME/a/b/c. */
static bool profile_path(char *out, const char *a, const char *b, const char *c)
{
	const char *home = getenv("CAISSON_HOME");
	const char *base = "";
	if (!home || !*home) {
		home = getenv("XDG_CONFIG_HOME");
		base = "/caisson";
		if (!home || home[0] != '/') {
			home = getenv("HOME");
			base = "/.config/caisson";
		}
	}
	if (!home || !*home)
		return false;
	int n = snprintf(out, PATH_MAX, "%s%s%s%s%s%s%s%s", home, base, a ? "/" : "", a ? a : "", b ? "/" : "", b ? b : "",
	                 c ? "/" : "", c ? c : "");
	return n > 0 && n < PATH_MAX;
}

static char *profile_read(const char *name, const char *file)
{
	char path[PATH_MAX];
	return profile_path(path, "profiles", name, file) ? file_read(path, PROFILE_FILE_MAX, NULL) : NULL;
}

bool profile_exists(const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	return profile_path(path, "profiles", name, "node.json") && stat(path, &st) == 0;
}

void profile_default(char out[PROFILE_NAME_SIZE])
{
	char path[PATH_MAX];
	char *text = profile_path(path, "current", NULL, NULL) ? file_read(path, 256, NULL) : NULL;
	out[0] = '\0';
	if (text) {
		text[strcspn(text, "\r\n")] = '\0';
		if (profile_name_ok(text))
			snprintf(out, PROFILE_NAME_SIZE, "%s", text);
	}
	free(text);
}

void profile_fini(struct profile *p)
{
	free(p->node);
	free(p->fingerprint);
	free(p->ca_pem);
	free(p->cert_pem);
	if (p->key_pem)
		explicit_bzero(p->key_pem, strlen(p->key_pem));
	free(p->key_pem);
	*p = (struct profile){0};
}

static enum cli_exit profile_parse(struct cli *cli, const char *text, struct profile *out)
{
	yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *url = yyjson_get_str(yyjson_obj_get(root, "url"));
	const char *node = yyjson_get_str(yyjson_obj_get(root, "node"));
	const char *fingerprint = yyjson_get_str(yyjson_obj_get(root, "fingerprint"));
	enum cli_exit code;
	if (!url || !node || !fingerprint) {
		code = cli_fail(cli, CLI_LOCAL, "node.json of profile '%s' is damaged: expected url, node and fingerprint",
		                out->name);
	} else {
		code = url_parse(cli, url, &out->url);
		out->node = strdup(node);
		out->fingerprint = strdup(fingerprint);
		if (code == CLI_OK && (!out->node || !out->fingerprint))
			code = cli_fail(cli, CLI_LOCAL, "out of memory");
	}
	yyjson_doc_free(doc);
	return code;
}

enum cli_exit profile_load(struct cli *cli, const char *name, struct profile *out)
{
	struct profile p = {0};
	if (!profile_name_ok(name))
		return cli_fail(cli, CLI_USAGE, "'%s' is not a profile name", name);
	snprintf(p.name, sizeof p.name, "%s", name);
	char *text = profile_read(name, "node.json");
	if (!text && (errno == ENOENT || errno == ENOTDIR))
		return cli_fail(cli, CLI_NOT_PAIRED, "there is no profile '%s'; 'caisson profile list' shows what there is",
		                name);
	p.ca_pem = profile_read(name, "ca.pem");
	p.cert_pem = profile_read(name, "client.pem");
	p.key_pem = profile_read(name, "client.key");
	enum cli_exit code;
	if (!text || !p.ca_pem || !p.cert_pem || !p.key_pem)
		code = cli_fail(cli, CLI_LOCAL, "cannot read the files of profile '%s': %s", name, strerror(errno));
	else
		code = profile_parse(cli, text, &p);
	free(text);
	if (code == CLI_OK)
		*out = p;
	else
		profile_fini(&p);
	return code;
}

static int profile_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum cli_exit profile_names(struct cli *cli, char ***names, size_t *count)
{
	char path[PATH_MAX];
	char **list = NULL;
	size_t n = 0;
	DIR *d = profile_path(path, "profiles", NULL, NULL) ? opendir(path) : NULL;
	for (const struct dirent *e; d && (e = readdir(d)) != NULL;) {
		if (!profile_name_ok(e->d_name) || !profile_exists(e->d_name))
			continue;
		char **longer = realloc(list, (n + 1) * sizeof *list);
		char *copy = strdup(e->d_name);
		if (longer)
			list = longer;
		if (!longer || !copy) {
			free(copy);
			closedir(d);
			profile_names_free(list, n);
			return cli_fail(cli, CLI_LOCAL, "out of memory");
		}
		list[n++] = copy;
	}
	if (d)
		closedir(d);
	if (n > 1)
		qsort(list, n, sizeof *list, profile_compare);
	*names = list;
	*count = n;
	return CLI_OK;
}

void profile_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* A profile with exactly this address, else the only one there is, else "". */
static enum cli_exit profile_guess(struct cli *cli, const struct url *url, char out[PROFILE_NAME_SIZE])
{
	char **names;
	size_t count;
	enum cli_exit code = profile_names(cli, &names, &count);
	if (code != CLI_OK)
		return code;
	out[0] = '\0';
	if (!url && count == 1)
		snprintf(out, PROFILE_NAME_SIZE, "%s", names[0]);
	for (size_t i = 0; url && i < count && !out[0]; i++) {
		struct profile p;
		if (profile_load(cli, names[i], &p) != CLI_OK)
			continue;
		if (strcmp(p.url.host, url->host) == 0 && strcmp(p.url.port, url->port) == 0)
			snprintf(out, PROFILE_NAME_SIZE, "%s", names[i]);
		profile_fini(&p);
	}
	profile_names_free(names, count);
	return CLI_OK;
}

enum cli_exit profile_select(struct cli *cli, struct profile *out)
{
	char name[PROFILE_NAME_SIZE] = "";
	const char *wanted = cli->profile ? cli->profile : getenv("CAISSON_PROFILE");
	struct url url;
	enum cli_exit code = CLI_OK;
	if (cli->node)
		code = url_parse(cli, cli->node, &url);
	if (code == CLI_OK && (!wanted || !*wanted) && cli->node)
		code = profile_guess(cli, &url, name);
	if (code != CLI_OK)
		return code;
	if (!name[0])
		profile_default(name);
	if (!name[0])
		code = profile_guess(cli, NULL, name);
	if (code != CLI_OK)
		return code;
	if (wanted && *wanted)
		code = profile_load(cli, wanted, out);
	else if (name[0])
		code = profile_load(cli, name, out);
	else
		return cli_fail(cli, CLI_NOT_PAIRED, "this machine is not paired with a node; begin with: caisson pair URL");
	if (code == CLI_OK && cli->node)
		out->url = url;
	return code;
}

static char *profile_describe(const struct profile *p)
{
	char url[300];
	url_format(&p->url, url, sizeof url);
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "url", url);
	yyjson_mut_obj_add_str(doc, root, "node", p->node);
	yyjson_mut_obj_add_str(doc, root, "fingerprint", p->fingerprint);
	char *text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY, NULL);
	yyjson_mut_doc_free(doc);
	return text;
}

static bool profile_write_files(const struct profile *p, const char *folder, const char *description)
{
	const struct {
		const char *name;
		unsigned mode;
		const char *text;
	} files[] = {
	    {"node.json", 0644, description},
	    {"ca.pem", 0644, p->ca_pem},
	    {"client.pem", 0644, p->cert_pem},
	    {"client.key", 0600, p->key_pem},
	};
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		int n = snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
		if (n >= (int)sizeof path || !file_create(path, files[i].mode, files[i].text))
			return false;
	}
	return true;
}

/* Puts the finished folder in place of the old one, which is renamed away first and then removed. */
static bool profile_swap(const char *fresh, const char *place, const char *old)
{
	if (rename(place, old) != 0 && errno != ENOENT)
		return false;
	if (rename(fresh, place) != 0) {
		int error = errno;
		(void)rename(old, place);
		errno = error;
		return false;
	}
	file_remove_folder(old);
	return true;
}

enum cli_exit profile_store(struct cli *cli, const struct profile *p)
{
	char folder[PATH_MAX], fresh[PATH_MAX], place[PATH_MAX], old[PATH_MAX];
	char new_name[32], old_name[32];
	snprintf(new_name, sizeof new_name, ".new-%ld", (long)getpid());
	snprintf(old_name, sizeof old_name, ".old-%ld", (long)getpid());
	if (!profile_path(folder, "profiles", NULL, NULL) || !profile_path(fresh, "profiles", new_name, NULL) ||
	    !profile_path(place, "profiles", p->name, NULL) || !profile_path(old, "profiles", old_name, NULL))
		return cli_fail(cli, CLI_LOCAL, "no place for profiles: neither CAISSON_HOME nor HOME is set");
	char *description = profile_describe(p);
	bool ok = description && file_make_folders(folder) && mkdir(fresh, 0700) == 0 &&
	          profile_write_files(p, fresh, description) && profile_swap(fresh, place, old);
	int error = errno;
	free(description);
	if (ok)
		return CLI_OK;
	file_remove_folder(fresh);
	return cli_fail(cli, CLI_LOCAL, "cannot write the profile in %s: %s", place, strerror(error));
}

enum cli_exit profile_set_default(struct cli *cli, const char *name)
{
	char path[PATH_MAX], fresh[PATH_MAX], temporary[32], text[PROFILE_NAME_SIZE + 1];
	snprintf(temporary, sizeof temporary, ".current-%ld", (long)getpid());
	snprintf(text, sizeof text, "%s\n", name);
	if (!profile_path(path, "current", NULL, NULL) || !profile_path(fresh, temporary, NULL, NULL))
		return cli_fail(cli, CLI_LOCAL, "no place for profiles: neither CAISSON_HOME nor HOME is set");
	(void)unlink(fresh);
	if (!file_create(fresh, 0644, text) || rename(fresh, path) != 0) {
		int error = errno;
		(void)unlink(fresh);
		return cli_fail(cli, CLI_LOCAL, "cannot write %s: %s", path, strerror(error));
	}
	return CLI_OK;
}
