/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/pair: a one-time code and a CSR become a client certificate. CPU 0, the connection's task. */
#include <core/log.h>
#include <sandbox/event.h>
#include <sandbox/node.h>
#include <sandbox/pairing.h>
#include <yyjson.h>
#include "call.h"

enum { CERT_PEM_MAX = 2048 };

static void answer_pair(struct call *c, const char *cert)
{
	yyjson_mut_doc *doc = api_doc_new();

	if (doc) {
		yyjson_mut_val *o = yyjson_mut_obj(doc);

		yyjson_mut_doc_set_root(doc, o);
		yyjson_mut_obj_add_strcpy(doc, o, "certificate", cert);
		yyjson_mut_obj_add_strcpy(doc, o, "ca", tls_identity_ca_pem(node.identity));
		yyjson_mut_obj_add_strcpy(doc, o, "node", node.name);
		yyjson_mut_obj_add_strcpy(doc, o, "fingerprint", tls_identity_fingerprint(node.identity));
	}
	api_json(c->x, 201, doc);
}

void api_pair(struct call *c)
{
	const char *name = c->body->pair.name;
	char cert[CERT_PEM_MAX], serial[41], why[96];
	struct problem p;

	/* Before the code is tried: a name that no certificate can carry must not use it up. */
	if (!tls_client_name_ok(name)) {
		api_problem_text(c->x, PROBLEM_BAD_REQUEST, "name: expected 1 to 63 letters, digits, blanks or any of ._@-, with a letter or digit at both ends");
		return;
	}
	if (pairing_try(c->body->pair.code, &p)) {
		log_warn("pairing", "refused %s: %s", http_remote(c->x), p.detail);
		api_problem(c->x, &p);
		return;
	}
	/* The code is used up even when the CSR is bad: a client that has the code and sends rubbish is no friend. */
	if (tls_identity_sign_client(node.identity, c->body->pair.csr, name, cert, sizeof(cert), serial, why)) {
		api_problem_text(c->x, PROBLEM_BAD_REQUEST, "csr: %s", why);
		return;
	}
	log_info("pairing", "client \"%s\" paired from %s, certificate %s", name, http_remote(c->x), serial);
	event_publish("node.paired", name, NULL, http_remote(c->x));
	answer_pair(c, cert);
}
