/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: one folder per paired node with its address, its CA and this
 * machine's certificate and key. Files only; no network.
 */
#ifndef CAISSON_PROFILE_H
#define CAISSON_PROFILE_H

#include "cli.h"
#include "conn.h"

struct url {
	char host[256];
	char port[6];
};

enum { PROFILE_NAME_SIZE = 65 };

/* Strings are malloced and belong to the profile. */
struct profile {
	char name[PROFILE_NAME_SIZE];
	struct url url;
	char *node;
	char *fingerprint;
	char *ca_pem;
	char *cert_pem;
	char *key_pem;
};

/* "https://host[:port]", "host", "host:port", "[v6]:port"; the port defaults to 8443. */
MUST_CHECK enum cli_exit url_parse(struct cli *cli, const char *text, struct url *out);
/* "https://host:port", IPv6 in brackets; out has 300 bytes. */
void url_format(const struct url *url, char *out, size_t size);

bool profile_name_ok(const char *name);
/* By --profile, CAISSON_PROFILE, --node, the default, or the only one there is. */
MUST_CHECK enum cli_exit profile_select(struct cli *cli, struct profile *out);
/* By name. CLI_NOT_PAIRED when there is none. */
MUST_CHECK enum cli_exit profile_load(struct cli *cli, const char *name, struct profile *out);
bool profile_exists(const char *name);
/* Writes all files or none, replacing a profile of that name. */
MUST_CHECK enum cli_exit profile_store(struct cli *cli, const struct profile *p);
MUST_CHECK enum cli_exit profile_set_default(struct cli *cli, const char *name);
void profile_fini(struct profile *p);

/* Sorted names; free each and the array. */
MUST_CHECK enum cli_exit profile_names(struct cli *cli, char ***names, size_t *count);
void profile_names_free(char **names, size_t count);
/* The default's name, or "". */
void profile_default(char out[PROFILE_NAME_SIZE]);

/* file.c: small whole-file helpers. */
/* At most max bytes, NUL-terminated, malloced. NULL with errno set. */
char *file_read(const char *path, size_t max, size_t *size);
/* Creates path (which must not exist) with this mode and these bytes, synced. */
bool file_create(const char *path, unsigned mode, const char *text);
/* mkdir -p with mode 0700 for what is missing. */
bool file_make_folders(const char *path);
/* Removes a folder of plain files, not deeper. */
void file_remove_folder(const char *path);

#endif
