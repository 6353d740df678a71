/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caisson pair: the node proves itself by its CA's fingerprint, this machine by
 * the code on the node's console; the result is a profile. Nothing is sent
 * before the fingerprint is confirmed, nothing is stored before what came back
 * was checked.
 */
#include "api.h"
#include "identity.h"
#include "prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pairing {
	struct url url;
	struct profile profile; /* what will be stored */
	struct conn *conn;
	char fingerprint[CONN_FINGERPRINT_SIZE];
	char code[32];
	char *csr_pem;
};

static void pairing_fini(struct pairing *p)
{
	conn_close(p->conn);
	profile_fini(&p->profile);
	free(p->csr_pem);
}

static enum cli_exit pair_open(struct cli *cli, struct pairing *p)
{
	const struct conn_config config = {.host = p->url.host, .port = p->url.port, .timeout_ms = API_CONNECT_MS};
	enum cli_exit code = conn_open(cli, &config, &p->conn);
	return code == CLI_OK ? conn_peer_ca(cli, p->conn, p->fingerprint) : code;
}

/* Compares with what was given, or asks a person. */
static enum cli_exit pair_confirm(struct cli *cli, struct pairing *p, const char *given)
{
	char want[CONN_FINGERPRINT_SIZE + 64];
	char answer[16];
	if (given) {
		if (!identity_parse_fingerprint(given, want))
			return cli_fail(cli, CLI_USAGE, "--fingerprint: expected SHA256: and 64 hex digits");
		if (strcmp(want, p->fingerprint) != 0)
			return cli_fail(cli, CLI_TLS,
			                "the node's fingerprint is %s, not the one that was expected; "
			                "nothing was sent to it",
			                p->fingerprint);
		return CLI_OK;
	}
	if (!prompt_possible())
		return cli_fail(cli, CLI_USAGE, "there is no terminal to confirm the fingerprint on; give --fingerprint");
	prompt_say("The node at %s shows this fingerprint:\n\n  %s\n\nCompare it with the one on the node's console.\n",
	           p->url.host, p->fingerprint);
	enum cli_exit code = prompt_ask(cli, "Are they the same? [yes/no] ", answer, sizeof answer);
	if (code == CLI_OK && strcmp(answer, "yes") != 0 && strcmp(answer, "y") != 0)
		code = cli_fail(cli, CLI_TLS, "the fingerprint was not confirmed; nothing was sent to the node");
	return code;
}

static enum cli_exit pair_get_code(struct cli *cli, struct pairing *p, const char *given)
{
	if (given) {
		if (strlen(given) >= sizeof p->code)
			return cli_fail(cli, CLI_USAGE, "--code: expected a code like ABCD-1234");
		snprintf(p->code, sizeof p->code, "%s", given);
		return CLI_OK;
	}
	if (!prompt_possible())
		return cli_fail(cli, CLI_USAGE, "there is no terminal to ask for the pairing code on; give --code");
	return prompt_ask(cli, "Pairing code on the node's console: ", p->code, sizeof p->code);
}

/* True when a profile of this name is for the CA of this pairing. */
static bool pair_same_node(const struct pairing *p, const char *name)
{
	struct cli scratch = {0};
	struct profile old;
	char fingerprint[CONN_FINGERPRINT_SIZE];
	if (profile_load(&scratch, name, &old) != CLI_OK)
		return false;
	bool same = identity_pem_fingerprint(old.ca_pem, fingerprint) && strcmp(fingerprint, p->fingerprint) == 0;
	profile_fini(&old);
	return same;
}

/* A profile asked for by name must be free, of the same node, or --force. */
static enum cli_exit pair_check_profile(struct cli *cli, const struct pairing *p, bool force)
{
	if (!cli->profile)
		return CLI_OK;
	if (!profile_name_ok(cli->profile))
		return cli_fail(cli, CLI_USAGE, "'%s' is not a profile name (letters, digits, '-', '_' and '.')", cli->profile);
	if (profile_exists(cli->profile) && !force && !pair_same_node(p, cli->profile))
		return cli_fail(cli, CLI_CONFLICT, "profile '%s' belongs to another node; use another --profile, or --force",
		                cli->profile);
	return CLI_OK;
}

/* The node's own name, or NAME-2... when that is taken by another node. */
static enum cli_exit pair_name_profile(struct cli *cli, struct pairing *p)
{
	if (cli->profile) {
		snprintf(p->profile.name, sizeof p->profile.name, "%s", cli->profile);
		return CLI_OK;
	}
	if (!profile_name_ok(p->profile.node) || strlen(p->profile.node) > PROFILE_NAME_SIZE - 4)
		return cli_fail(cli, CLI_CONFLICT, "the node's name cannot name a profile; pair again with --profile");
	for (unsigned i = 1; i < 100; i++) {
		if (i == 1)
			snprintf(p->profile.name, sizeof p->profile.name, "%.60s", p->profile.node);
		else
			snprintf(p->profile.name, sizeof p->profile.name, "%.60s-%u", p->profile.node, i % 100);
		if (!profile_exists(p->profile.name) || pair_same_node(p, p->profile.name))
			return CLI_OK;
	}
	return cli_fail(cli, CLI_CONFLICT, "too many nodes are called '%s'; pair again with --profile", p->profile.node);
}

static char *pair_body(const struct pairing *p, const char *client_name)
{
	char host[65] = "";
	if (!client_name) {
		(void)gethostname(host, sizeof host - 1);
		client_name = host[0] ? host : "caisson";
	}
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "code", p->code);
	yyjson_mut_obj_add_str(doc, root, "csr", p->csr_pem);
	yyjson_mut_obj_add_str(doc, root, "name", client_name);
	char *text = yyjson_mut_write(doc, 0, NULL);
	yyjson_mut_doc_free(doc);
	return text;
}

/* The answer's members into the profile, after they were checked against what was confirmed. */
static enum cli_exit pair_accept(struct cli *cli, struct pairing *p, const struct buffer *body)
{
	yyjson_doc *doc = body->length ? yyjson_read(body->data, body->length, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(doc);
	struct profile *out = &p->profile;
	out->cert_pem = strdup(json_text(root, "certificate", ""));
	out->ca_pem = strdup(json_text(root, "ca", ""));
	out->node = strdup(json_text(root, "node", ""));
	out->fingerprint = strdup(p->fingerprint);
	out->url = p->url;
	yyjson_doc_free(doc);
	if (!out->cert_pem || !out->ca_pem || !out->node || !out->fingerprint)
		return cli_fail(cli, CLI_LOCAL, "out of memory");
	if (!out->cert_pem[0] || !out->ca_pem[0] || !out->node[0])
		return cli_fail(cli, CLI_NO_CONNECTION,
		                "the node's answer is not what pairing gives: expected certificate, ca and node");
	enum cli_exit code = identity_check_issued(cli, out->cert_pem, out->ca_pem, out->key_pem, p->fingerprint);
	return code == CLI_OK ? pair_name_profile(cli, p) : code;
}

/*
 * Takes over p->conn while it is still fresh; a slow typist may have let the node close it, so
 * a new connection is made and must show the same CA.
 */
static enum cli_exit pair_exchange(struct cli *cli, struct pairing *p, const char *client_name)
{
	char confirmed[CONN_FINGERPRINT_SIZE];
	memcpy(confirmed, p->fingerprint, sizeof confirmed);
	conn_close(p->conn);
	p->conn = NULL;
	enum cli_exit code = pair_open(cli, p);
	if (code != CLI_OK)
		return code;
	if (strcmp(confirmed, p->fingerprint) != 0)
		return cli_fail(cli, CLI_TLS, "the node's fingerprint changed to %s; nothing was sent to it", p->fingerprint);

	struct http http;
	struct http_response response = {0};
	struct buffer body = {.max = 65536};
	http_init(&http, p->conn, p->url.host, p->url.port);
	p->conn = NULL;
	char *text = pair_body(p, client_name);
	const struct http_request request = {.method = "POST",
	                                     .path = "/v1/pair",
	                                     .content_type = "application/json",
	                                     .body = text,
	                                     .body_size = text ? strlen(text) : 0,
	                                     .timeout_ms = API_TIMEOUT_MS};
	code = text ? http_begin(cli, &http, &request, &response) : cli_fail(cli, CLI_LOCAL, "out of memory");
	if (code == CLI_OK)
		code = http_read_all(cli, &http, API_TIMEOUT_MS, &body);
	if (code == CLI_OK && response.status != 201 && response.status != 200)
		code = api_problem(cli, &response, &body);
	else if (code == CLI_OK)
		code = pair_accept(cli, p, &body);
	free(text);
	buffer_free(&body);
	http_close(&http);
	return code;
}

static void pair_report(const struct cli *cli, const struct pairing *p)
{
	char url[300];
	char node[128];
	url_format(&p->url, url, sizeof url);
	text_mask(p->profile.node, strlen(p->profile.node), node, sizeof node);
	if (cli->json)
		printf("{\"profile\":\"%s\",\"url\":\"%s\",\"fingerprint\":\"%s\"}\n", p->profile.name, url, p->fingerprint);
	else
		printf("Paired with %s at %s; profile '%s' is now the default.\n", node, url, p->profile.name);
}

enum cli_exit cmd_pair(struct cli *cli, const struct cli_args *args)
{
	struct pairing p = {0};
	if (cli->node)
		return cli_fail(cli, CLI_USAGE, "'caisson pair' takes the URL as its argument, not by --node");
	enum cli_exit code = url_parse(cli, args->positional[0], &p.url);
	if (code == CLI_OK)
		code = pair_open(cli, &p);
	if (code == CLI_OK)
		code = pair_confirm(cli, &p, args_option(args, "fingerprint"));
	if (code == CLI_OK)
		code = pair_check_profile(cli, &p, args_option(args, "force") != NULL);
	if (code == CLI_OK)
		code = pair_get_code(cli, &p, args_option(args, "code"));
	const char *client_name = args_option(args, "client-name");
	if (code == CLI_OK)
		code = identity_make_key(cli, client_name ? client_name : "caisson", &p.profile.key_pem, &p.csr_pem);
	if (code == CLI_OK)
		code = pair_exchange(cli, &p, client_name);
	if (code == CLI_OK)
		code = profile_store(cli, &p.profile);
	if (code == CLI_OK)
		code = profile_set_default(cli, p.profile.name);
	if (code == CLI_OK)
		pair_report(cli, &p);
	pairing_fini(&p);
	return code;
}
