/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session with a node; see api.h. Runs in the one thread of the command
 * line. Knows the API's conventions, not its objects.
 */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *json_text(yyjson_val *object, const char *key, const char *fallback)
{
	const char *s = yyjson_get_str(yyjson_obj_get(object, key));
	return s ? s : fallback;
}

uint64_t json_number(yyjson_val *object, const char *key, uint64_t fallback)
{
	yyjson_val *v = yyjson_obj_get(object, key);
	return yyjson_is_uint(v) ? yyjson_get_uint(v) : fallback;
}

bool json_true(yyjson_val *object, const char *key)
{
	return yyjson_is_true(yyjson_obj_get(object, key));
}

enum cli_exit api_connect(struct cli *cli, struct api *api)
{
	struct conn *conn;
	enum cli_exit code = CLI_OK;
	if (!api->loaded)
		code = profile_select(cli, &api->profile);
	api->loaded = code == CLI_OK;
	if (code != CLI_OK || api->connected)
		return code;
	const struct profile *p = &api->profile;
	const struct conn_config config = {
	    .host = p->url.host,
	    .port = p->url.port,
	    .node = p->node,
	    .ca_pem = p->ca_pem,
	    .cert_pem = p->cert_pem,
	    .key_pem = p->key_pem,
	    .timeout_ms = API_CONNECT_MS,
	};
	code = conn_open(cli, &config, &conn);
	if (code != CLI_OK)
		return code;
	http_init(&api->http, conn, p->url.host, p->url.port);
	api->connected = true;
	return CLI_OK;
}

void api_disconnect(struct api *api)
{
	if (api->connected)
		http_close(&api->http);
	api->connected = false;
}

void api_fini(struct api *api)
{
	api_disconnect(api);
	if (api->loaded)
		profile_fini(&api->profile);
	api->loaded = false;
}

static enum cli_exit api_exit_code(int status)
{
	return status == 404 ? CLI_NOT_FOUND : status == 409 ? CLI_CONFLICT : CLI_REFUSED;
}

enum cli_exit api_problem(struct cli *cli, const struct http_response *response, const struct buffer *body)
{
	char title[160], detail[800], retry[64] = "";
	enum cli_exit code = api_exit_code(response->status);
	yyjson_doc *doc = body->length ? yyjson_read(body->data, body->length, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *raw_title = json_text(root, "title", "");
	const char *raw_detail = json_text(root, "detail", "");
	text_mask(raw_title, strlen(raw_title), title, sizeof title);
	text_mask(raw_detail, strlen(raw_detail), detail, sizeof detail);
	if (cli->json && root)
		printf("%s\n", body->data);
	yyjson_doc_free(doc);
	uint64_t seconds;
	if (text_parse_u64(response->retry_after, 1000000, &seconds))
		snprintf(retry, sizeof retry, " (try again in %llu s)", (unsigned long long)seconds);
	if (!title[0])
		return cli_fail(cli, code, "the node refused: HTTP status %d%s", response->status, retry);
	return cli_fail(cli, code, "%s%s%s%s", title, detail[0] ? ": " : "", detail, retry);
}

enum cli_exit api_begin(struct cli *cli, struct api *api, const struct http_request *request, struct http_response *response)
{
	struct buffer body = {.max = 65536};
	enum cli_exit code = api_connect(cli, api);
	if (code == CLI_OK)
		code = http_begin(cli, &api->http, request, response);
	if (code != CLI_OK || response->status < 300)
		return code;
	code = http_read_all(cli, &api->http, request->timeout_ms, &body);
	if (code == CLI_OK || code == CLI_NO_CONNECTION) { /* a cut-off refusal is still a refusal */
		if (response->status < 400)
			code = cli_fail(cli, CLI_REFUSED, "unexpected HTTP status %d from the node", response->status);
		else
			code = api_problem(cli, response, &body);
	}
	buffer_free(&body);
	return code;
}

enum cli_exit api_call(struct cli *cli, struct api *api, const char *method, const char *path, const char *body, int timeout_ms,
                       struct buffer *out)
{
	const struct http_request request = {
	    .method = method,
	    .path = path,
	    .headers = "Accept: application/json, application/problem+json\r\n",
	    .content_type = body ? "application/json" : NULL,
	    .body = body,
	    .body_size = body ? strlen(body) : 0,
	    .timeout_ms = timeout_ms,
	};
	struct http_response response = {0};
	*out = (struct buffer){.max = HTTP_BODY_MAX};
	enum cli_exit code = api_begin(cli, api, &request, &response);
	if (code == CLI_OK)
		code = http_read_all(cli, &api->http, timeout_ms, out);
	if (code != CLI_OK || response.close)
		api_disconnect(api);
	return code;
}

enum cli_exit api_get_json(struct cli *cli, struct api *api, const char *method, const char *path, const char *body,
                           int timeout_ms, yyjson_doc **doc)
{
	struct buffer out = {0};
	*doc = NULL;
	enum cli_exit code = api_call(cli, api, method, path, body, timeout_ms, &out);
	if (code == CLI_OK && cli->json && out.length) {
		fwrite(out.data, 1, out.length, stdout);
		if (out.data[out.length - 1] != '\n')
			putchar('\n');
	} else if (code == CLI_OK && !cli->json) {
		*doc = out.length ? yyjson_read(out.data, out.length, 0) : NULL;
		if (!*doc)
			code = cli_fail(cli, CLI_NO_CONNECTION, "the node's answer is not JSON");
	}
	buffer_free(&out);
	return code;
}

enum cli_exit api_path(struct cli *cli, const char *collection, const char *name, const char *tail, char *out, size_t size)
{
	char escaped[256];
	if (!*name || !text_url_escape(name, escaped, sizeof escaped) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return cli_fail(cli, CLI_USAGE, "'%s' is not a possible name", name);
	int n = snprintf(out, size, "/v1/%s/%s%s", collection, escaped, tail);
	if (n < 0 || (size_t)n >= size)
		return cli_fail(cli, CLI_USAGE, "'%s' is too long", name);
	return CLI_OK;
}
