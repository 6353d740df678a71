/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management API as the commands see it: one session with the selected
 * node, JSON in and out, and problem documents (RFC 9457) turned into an exit
 * code and a sentence.
 */
#ifndef CAISSON_API_H
#define CAISSON_API_H

#include "cli.h"
#include "http.h"
#include "profile.h"

#include <yyjson.h>

enum { API_TIMEOUT_MS = 20000, API_CONNECT_MS = 10000 };

/* Zero-initialise. */
struct api {
	struct profile profile;
	struct http http;
	bool loaded;
	bool connected;
};

/* Selects the profile (once) and connects (when not connected). */
MUST_CHECK enum cli_exit api_connect(struct cli *cli, struct api *api);
void api_disconnect(struct api *api);
void api_fini(struct api *api);

/* http_begin, then for a status of 400 and more: reads the problem and fails with it. */
MUST_CHECK enum cli_exit api_begin(struct cli *cli, struct api *api, const struct http_request *request,
                                   struct http_response *response);
/* One whole exchange; body (may be NULL) is JSON. out->max is set here; free out in any case. */
MUST_CHECK enum cli_exit api_call(struct cli *cli, struct api *api, const char *method, const char *path, const char *body,
                                  int timeout_ms, struct buffer *out);
/* api_call, and out parsed. Prints the raw text instead and leaves *doc NULL under --json. */
MUST_CHECK enum cli_exit api_get_json(struct cli *cli, struct api *api, const char *method, const char *path, const char *body,
                                      int timeout_ms, yyjson_doc **doc);
/* "/v1/vms/NAME" + tail with the name escaped; CLI_USAGE when it is too long or empty. */
MUST_CHECK enum cli_exit api_path(struct cli *cli, const char *collection, const char *name, const char *tail, char *out,
                                  size_t size);
/* The problem document in body as exit code and sentence; what: the HTTP status when there is none. */
enum cli_exit api_problem(struct cli *cli, const struct http_response *response, const struct buffer *body);

/* Members with a fallback; never NULL for json_text. */
const char *json_text(yyjson_val *object, const char *key, const char *fallback);
uint64_t json_number(yyjson_val *object, const char *key, uint64_t fallback);
bool json_true(yyjson_val *object, const char *key);

#endif
