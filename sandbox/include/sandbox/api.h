/* SPDX-License-Identifier: Apache-2.0 */
/* The management API: route table, handlers, OpenAPI document. CPU 0. */
#ifndef SANDBOX_API_H
#define SANDBOX_API_H
#include <core/err.h>
#include <net/http.h>

extern const struct http_handler api_handler; /* for http_serve */

#endif
