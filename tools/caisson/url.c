/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address of a node as a person types it. Pure text; only https exists.
 */
#include "profile.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static bool url_host_ok(const char *host, bool v6)
{
	const char *allowed = v6 ? "0123456789abcdefABCDEF:.%-_ghijklmnopqrstuvwxyz"
	                         : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	return *host != '\0' && strspn(host, allowed) == strlen(host);
}

/* Splits "host:port", "[v6]:port", "v6" and "host"; *port stays NULL when there is none. */
static bool url_split(char *text, char **host, char **port, bool *v6)
{
	*port = NULL;
	*v6 = false;
	*host = text;
	char *colon = strchr(text, ':');
	if (text[0] == '[') {
		char *end = strchr(text, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return false;
		*v6 = true;
		*host = text + 1;
		if (end[1] == ':')
			*port = end + 2;
		*end = '\0';
	} else if (colon && strchr(colon + 1, ':')) {
		*v6 = true;
	} else if (colon) {
		*colon = '\0';
		*port = colon + 1;
	}
	return true;
}

enum cli_exit url_parse(struct cli *cli, const char *text, struct url *out)
{
	char copy[320];
	char *host, *port;
	bool v6;
	uint64_t number = 8443;
	const char *rest = strncmp(text, "https://", 8) == 0 ? text + 8 : text;
	if (rest == text && strstr(text, "://"))
		return cli_fail(cli, CLI_USAGE, "'%s': only https is spoken; expected https://HOST[:PORT]", text);
	size_t length = strcspn(rest, "/");
	if (rest[length] == '/' && rest[length + 1] != '\0')
		return cli_fail(cli, CLI_USAGE, "'%s': expected https://HOST[:PORT] without a path", text);
	if (length >= sizeof copy)
		return cli_fail(cli, CLI_USAGE, "the URL is too long");
	memcpy(copy, rest, length);
	copy[length] = '\0';
	if (!url_split(copy, &host, &port, &v6) || !url_host_ok(host, v6) || strlen(host) >= sizeof out->host)
		return cli_fail(cli, CLI_USAGE, "'%s': expected https://HOST[:PORT]", text);
	if (port && (!text_parse_u64(port, 65535, &number) || number == 0))
		return cli_fail(cli, CLI_USAGE, "'%s': expected a port from 1 to 65535", text);
	snprintf(out->host, sizeof out->host, "%s", host);
	snprintf(out->port, sizeof out->port, "%u", (unsigned)(uint16_t)number);
	return CLI_OK;
}

void url_format(const struct url *url, char *out, size_t size)
{
	bool v6 = strchr(url->host, ':') != NULL;
	snprintf(out, size, "https://%s%s%s:%s", v6 ? "[" : "", url->host, v6 ? "]" : "", url->port);
}
