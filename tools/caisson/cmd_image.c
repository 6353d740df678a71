/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caisson image add|list|remove. A file is hashed first and sent second, so
 * that the node can refuse what did not arrive whole; a bar on stderr shows the
 * way when that is a terminal.
 */
#include "api.h"
#include "signals.h"
#include "list.h"
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct upload {
	const char *path;
	int fd;
	uint64_t size;
	uint64_t sent;
	uint64_t started_ms;
	uint64_t shown_ms;
	bool bar;
	char sha256[65];
};

static void upload_show(struct upload *u, bool last)
{
	enum { WIDTH = 30 };
	uint64_t now = clock_ms();
	char done[TEXT_SHORT], all[TEXT_SHORT], rate[TEXT_SHORT], bar[WIDTH + 1];
	if (!u->bar || (!last && now - u->shown_ms < 100))
		return;
	u->shown_ms = now;
	uint64_t elapsed = now - u->started_ms;
	int filled = u->size ? (int)(u->sent * WIDTH / u->size) : WIDTH;
	memset(bar, '.', WIDTH);
	memset(bar, '#', (size_t)filled);
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3d%%  %s of %s  %s/s \033[K", bar, u->size ? (int)(u->sent * 100 / u->size) : 100,
	        text_size(u->sent, done), text_size(u->size, all), text_size(elapsed ? u->sent * 1000 / elapsed : 0, rate));
	if (last)
		fputc('\n', stderr);
}

static bool upload_pull(struct cli *cli, void *context, void *bytes, size_t size, size_t *got)
{
	struct upload *u = context;
	ssize_t n;
	do
		n = read(u->fd, bytes, size);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		cli_fail(cli, CLI_LOCAL, "cannot read %s: %s", u->path, n < 0 ? strerror(errno) : "it became shorter");
		return false;
	}
	*got = (size_t)n;
	u->sent += (uint64_t)n;
	upload_show(u, false);
	return true;
}

static enum cli_exit upload_hash(struct cli *cli, struct upload *u)
{
	unsigned char hash[32];
	mbedtls_sha256_context context;
	uint64_t total = 0;
	ssize_t n = 0;
	unsigned char *chunk = malloc(65536);
	if (!chunk)
		return cli_fail(cli, CLI_LOCAL, "out of memory");
	mbedtls_sha256_init(&context);
	int rc = mbedtls_sha256_starts(&context, 0);
	while (rc == 0 && !signals_stopped() && (n = read(u->fd, chunk, 65536)) > 0) {
		rc = mbedtls_sha256_update(&context, chunk, (size_t)n);
		total += (uint64_t)n;
	}
	if (rc == 0)
		rc = mbedtls_sha256_finish(&context, hash);
	mbedtls_sha256_free(&context);
	free(chunk);
	if (signals_stopped())
		return cli_fail(cli, CLI_INTERRUPTED, "interrupted");
	if (n < 0 || rc != 0 || lseek(u->fd, 0, SEEK_SET) != 0)
		return cli_fail(cli, CLI_LOCAL, "cannot read %s: %s", u->path, strerror(errno));
	u->size = total;
	text_hex(hash, sizeof hash, u->sha256);
	return CLI_OK;
}

static enum cli_exit upload_open(struct cli *cli, struct upload *u)
{
	struct stat st;
	u->fd = open(u->path, O_RDONLY | O_CLOEXEC);
	if (u->fd < 0)
		return cli_fail(cli, CLI_LOCAL, "cannot open %s: %s", u->path, strerror(errno));
	if (fstat(u->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return cli_fail(cli, CLI_LOCAL, "%s: expected a regular file", u->path);
	return upload_hash(cli, u);
}

static enum cli_exit upload_send(struct cli *cli, struct upload *u, const char *name, struct buffer *out)
{
	struct api api = {0};
	struct http_response response = {0};
	char path[400], tail[80];
	snprintf(tail, sizeof tail, "?sha256=%s", u->sha256);
	enum cli_exit code = api_path(cli, "images", name, tail, path, sizeof path);
	const struct http_request request = {
	    .method = "PUT",
	    .path = path,
	    .content_type = "application/octet-stream",
	    .pull = upload_pull,
	    .pull_context = u,
	    .pull_size = u->size,
	    .timeout_ms = 60000,
	};
	u->bar = isatty(STDERR_FILENO);
	u->started_ms = clock_ms();
	if (code == CLI_OK)
		code = api_begin(cli, &api, &request, &response);
	if (u->started_ms && u->sent)
		upload_show(u, true);
	if (code == CLI_OK)
		code = http_read_all(cli, &api.http, API_TIMEOUT_MS, out);
	api_fini(&api);
	return code;
}

enum cli_exit cmd_image_add(struct cli *cli, const struct cli_args *args)
{
	struct upload u = {.path = args->positional[0], .fd = -1};
	struct buffer out = {.max = 65536};
	char size[TEXT_SHORT];
	const char *slash = strrchr(u.path, '/');
	const char *name = args_option(args, "name");
	if (!name)
		name = args->count > 1 ? args->positional[1] : slash ? slash + 1 : u.path;
	else if (args->count > 1)
		return cli_fail(cli, CLI_USAGE, "the image's name is given twice");
	enum cli_exit code = upload_open(cli, &u);
	if (code == CLI_OK)
		code = upload_send(cli, &u, name, &out);
	if (code == CLI_OK && cli->json)
		printf("%s\n", out.length ? out.data : "{}");
	else if (code == CLI_OK)
		printf("%s: %s, sha256 %s\n", name, text_size(u.size, size), u.sha256);
	if (u.fd >= 0)
		close(u.fd);
	buffer_free(&out);
	return code;
}

static void image_add_row(struct table *t, yyjson_val *image)
{
	char size[TEXT_SHORT], hash[17];
	snprintf(hash, sizeof hash, "%.16s", json_text(image, "sha256", ""));
	table_cell(t, json_text(image, "name", ""));
	table_cell(t, text_size(json_number(image, "size_bytes", 0), size));
	table_cell(t, hash);
	table_cell(t, json_true(image, "in_use") ? "yes" : "no");
}

enum cli_exit cmd_image_list(struct cli *cli, const struct cli_args *args)
{
	static const char *const headers[] = {"NAME", "SIZE", "SHA256", "IN USE"};
	return list_print(cli, args, "/v1/images", headers, 4, image_add_row);
}

enum cli_exit cmd_image_remove(struct cli *cli, const struct cli_args *args)
{
	struct api api = {0};
	struct buffer out = {0};
	char path[320];
	enum cli_exit code = api_path(cli, "images", args->positional[0], "", path, sizeof path);
	if (code == CLI_OK)
		code = api_call(cli, &api, "DELETE", path, NULL, API_TIMEOUT_MS, &out);
	if (code == CLI_OK && !cli->json)
		printf("%s: removed\n", args->positional[0]);
	buffer_free(&out);
	api_fini(&api);
	return code;
}
