/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the config reader share: the reader over libyaml's events, and the tables that say what each mapping may hold.
 * CPU 0. Knows no meaning of a key: that is in tables.c and checks.c. */
#ifndef SANDBOX_CONFIG_IMPL_H
#define SANDBOX_CONFIG_IMPL_H
#include <sandbox/config.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#define CONFIG_MAX_BYTES 65536
#define CONFIG_MAX_DEPTH 8 /* the deepest legal value is at 3 */

/* ---- reader.c: events with positions, mistakes */

struct config_reader {
	struct config *c;
	const char *text;
	size_t n;
	yaml_parser_t parser;
	yaml_event_t event;  /* the current one */
	unsigned depth;      /* of open mappings and lists */
	bool broken;         /* no more events: syntax error, nested too deeply, or out of memory; was reported */
};

bool config_reader_init(struct config_reader *r, struct config *c, const char *text, size_t n);
void config_reader_fini(struct config_reader *r);
/* The next event becomes the current one; false when the reader is broken. */
bool config_next(struct config_reader *r);
/* From the first event of a node to its last one, whatever it holds. */
void config_skip(struct config_reader *r);
struct config_mark config_here(const struct config_reader *r);
void config_mistake(struct config_reader *r, struct config_mark at, const char *f, ...) __attribute__((format(printf, 3, 4)));
/* "expected X, found <the current event>" at the current event. */
void config_unexpected(struct config_reader *r, const char *expected);

/* ---- tables */

enum config_kind { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_BOOL, CONFIG_CHOICE, CONFIG_MAP, CONFIG_LIST };

struct config_map;
struct config_key {
	const char *name;
	enum config_kind kind;
	size_t off, size;               /* the field in the mapping's object; of a list: one element */
	uint32_t min, max;              /* numbers: range; lists: max elements */
	size_t count_off;               /* lists: an unsigned in the object that counts the elements; 0: none, unused ones are empty text */
	const struct config_map *map;   /* CONFIG_MAP, and lists of mappings */
	const char *const *choices;     /* CONFIG_CHOICE: words in the order of the enum, NULL at the end */
	bool (*check)(const char *text); /* CONFIG_TEXT: beyond its length; may be NULL */
	const char *expected;           /* what is said to be expected */
	const char *def;                /* default, written as in the file; NULL: empty, or set by the mapping's init */
};

/* What one mapping of the file gave. */
struct config_seen {
	bool given[CONFIG_MAX_KEYS];            /* it is there */
	bool taken[CONFIG_MAX_KEYS];            /* its value was put into the field; neither taken nor wrong: null */
	bool wrong[CONFIG_MAX_KEYS];            /* a mistake in its value was reported */
	struct config_mark at[CONFIG_MAX_KEYS]; /* of the value */
};

struct config_map {
	const struct config_key *keys;
	unsigned nkeys;
	void (*init)(void *obj); /* elements of a list, before they are read; may be NULL */
	/* What concerns several keys, once all are read. Reports mistakes; may be NULL. */
	void (*finish)(struct config_reader *r, void *obj, const struct config_seen *seen, struct config_mark at);
};
extern const struct config_map config_root; /* its object is struct config */

/* ---- values.c */

/* The text of a scalar into its field. False, and the field untouched, when it is not what the key expects. */
bool config_set(const struct config_key *k, void *obj, const char *text, size_t len, bool quoted);
/* "a number from 1 to 64" into dst. */
void config_expected(const struct config_key *k, char *dst, size_t size);
/* Reads the mapping whose start is the current event into obj. */
void config_read_map(struct config_reader *r, const struct config_map *m, void *obj);
/* The same for the document's root, which may be anything. */
void config_read_root(struct config_reader *r);

/* ---- checks.c */

bool config_is_host_name(const char *text);   /* one DNS label */
bool config_is_ipv4(const char *text);        /* a host's address */
bool config_is_ipv4_prefix(const char *text); /* "192.0.2.5/24" */
bool config_is_address(const char *text);     /* IPv4 or IPv6 */
bool config_is_server(const char *text);      /* DNS name or address */
void config_finish_network(struct config_reader *r, void *obj, const struct config_seen *seen, struct config_mark at);
void config_init_guest(void *obj);
void config_finish_guest(struct config_reader *r, void *obj, const struct config_seen *seen, struct config_mark at);

/* Indices of keys that checks.c refers to, in the order of the tables. */
enum { NETWORK_DHCP, NETWORK_IPV6, NETWORK_ADDRESS, NETWORK_GATEWAY, NETWORK_DNS, NETWORK_NTP, NETWORK_KEYS };
extern const struct config_map config_guest;

#endif
